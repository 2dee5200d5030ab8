//! The pool of read-only connections.

use std::path::PathBuf;

use deadpool::managed::{BuildError, Manager, Metrics, Object, Pool, PoolError, RecycleResult};
use rusqlite::Connection;

use crate::error::DatabaseError;
use crate::measure::GaugeGuard;
use crate::open::open_reader;
use crate::{Executor, SqliteOptions};

/// A bounded pool of read-only connections, opened on demand.
pub(crate) struct Readers {
    pool: Pool<Opener>,
    executor: Executor,
}

impl Readers {
    pub(crate) fn new(options: &SqliteOptions) -> Result<Self, BuildError> {
        let opener = Opener {
            path: options.path.clone(),
        };
        let builder = Pool::builder(opener).max_size(options.readers.get());
        Ok(Self {
            pool: builder.build()?,
            executor: options.executor,
        })
    }

    /// Runs `work` in a read transaction: all its statements see the same state of the database.
    pub(crate) async fn run<T, W>(&self, work: W) -> Result<T, DatabaseError>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, DatabaseError> + Send + 'static,
    {
        let (mut reader, in_use) = self.get().await?;
        let work = move || {
            // Moved in, so that the gauge counts a reader until its work ends, also if the caller is
            // cancelled before.
            let _in_use = in_use;
            // Deferred: it takes its snapshot at the first read and no lock that the writer waits for.
            let transaction = reader.transaction()?;
            let value = work(&transaction)?;
            transaction.finish()?;
            Ok(value)
        };
        match self.executor {
            Executor::Inline => work(),
            Executor::Threaded => tokio::task::spawn_blocking(work)
                .await
                .unwrap_or(Err(DatabaseError::Panicked)),
        }
    }

    /// Runs `work`, a single look-up by key, on the calling thread.
    //
    // It takes a few microseconds, less than the way to a blocking thread and back. Nothing longer may
    // run here: it would block the async runtime.
    pub(crate) async fn look_up<T, W>(&self, work: W) -> Result<T, DatabaseError>
    where
        W: FnOnce(&Connection) -> Result<T, DatabaseError> + Send,
    {
        let (reader, _in_use) = self.get().await?;
        work(&reader)
    }

    /// Closes the connections. One in use closes when its work ends.
    pub(crate) fn close(&self) {
        self.pool.close();
    }

    async fn get(&self) -> Result<(Object<Opener>, GaugeGuard), DatabaseError> {
        let waiting = GaugeGuard::waiting();
        let reader = self.pool.get().await.map_err(|error| match error {
            PoolError::Closed => DatabaseError::Closed,
            PoolError::Backend(error) => error.into(),
            other => DatabaseError::NoReader(other.to_string()),
        })?;
        drop(waiting);
        Ok((reader, GaugeGuard::in_use()))
    }
}

struct Opener {
    path: PathBuf,
}

impl Manager for Opener {
    type Type = Connection;
    type Error = rusqlite::Error;

    async fn create(&self) -> rusqlite::Result<Connection> {
        open_reader(&self.path)
    }

    // A read-only connection keeps no state between transactions, so there is nothing to check.
    async fn recycle(&self, _: &mut Connection, _: &Metrics) -> RecycleResult<rusqlite::Error> {
        Ok(())
    }
}

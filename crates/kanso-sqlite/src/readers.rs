//! Connections that read.

use std::path::PathBuf;

use deadpool::managed::{BuildError, Manager, Metrics, Object, Pool, PoolError, RecycleResult};
use rusqlite::Connection;

use crate::error::Failure;
use crate::measure::Held;
use crate::open::open_reader;
use crate::{Executor, SqliteOptions};

/// A bounded number of connections that read, opened when they are first needed.
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

    /// Runs `work` in a transaction that sees one state of the database from beginning to end.
    pub(crate) async fn run<T, W>(&self, work: W) -> Result<T, Failure>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    {
        let (mut reader, held) = self.get().await?;
        let work = move || {
            let _held = held;
            let transaction = reader.transaction()?;
            let value = work(&transaction)?;
            transaction.finish()?;
            Ok(value)
        };
        match self.executor {
            Executor::Inline => work(),
            Executor::Threaded => tokio::task::spawn_blocking(work)
                .await
                .unwrap_or(Err(Failure::Panicked)),
        }
    }

    /// Runs `work`, a single look-up by key, on the calling thread: it takes a few microseconds,
    /// less than handing it to another thread does.
    pub(crate) async fn look_up<T, W>(&self, work: W) -> Result<T, Failure>
    where
        W: FnOnce(&Connection) -> Result<T, Failure> + Send,
    {
        let (reader, _held) = self.get().await?;
        work(&reader)
    }

    /// Lets go of the connections; one that reads goes when it is done.
    pub(crate) fn close(&self) {
        self.pool.close();
    }

    async fn get(&self) -> Result<(Object<Opener>, Held), Failure> {
        let waiting = Held::waiting();
        let reader = self.pool.get().await.map_err(|error| match error {
            PoolError::Closed => Failure::Closed,
            PoolError::Backend(error) => error.into(),
            other => Failure::NoReader(other.to_string()),
        })?;
        drop(waiting);
        Ok((reader, Held::in_use()))
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

    async fn recycle(&self, _: &mut Connection, _: &Metrics) -> RecycleResult<rusqlite::Error> {
        Ok(())
    }
}

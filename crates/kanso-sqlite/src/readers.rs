//! The pool of read-only connections.

use std::path::PathBuf;
use std::sync::{Arc, Weak};

use deadpool::managed::{BuildError, Manager, Metrics, Object, Pool, PoolError, RecycleResult};
use rusqlite::Connection;

use crate::error::DatabaseError;
use crate::file_lock::FileLock;
use crate::held_files::HeldFiles;
use crate::measure::GaugeGuard;
use crate::open::{WriterConnection, open_reader};
use crate::{Executor, SqliteOptions};

/// A bounded pool of read-only connections, opened on demand.
pub(crate) struct Readers {
    pool: Pool<Opener>,
    files: Arc<HeldFiles>,
    executor: Executor,
}

/// A connection that reads.
pub(crate) struct Reader {
    // Fields are dropped in this order: the lock is released after the connection is closed.
    connection: Connection,
    _lock: Option<Arc<FileLock>>,
}

impl Readers {
    pub(crate) fn new(
        options: &SqliteOptions,
        writer: &WriterConnection,
    ) -> Result<Self, BuildError> {
        let opener = Opener {
            path: options.path.clone(),
            files: Arc::clone(&writer.files),
            lock: writer.lock.as_ref().map(Arc::downgrade),
        };
        let builder = Pool::builder(opener).max_size(options.readers.get());
        Ok(Self {
            pool: builder.build()?,
            files: Arc::clone(&writer.files),
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
            let transaction = reader.connection.transaction()?;
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
        work(&reader.connection)
    }

    /// Fails if the path of the database no longer leads to the open file.
    pub(crate) fn check_files(&self) -> Result<(), DatabaseError> {
        self.files.check()
    }

    /// Closes the connections. One in use closes when its work ends.
    pub(crate) fn close(&self) {
        self.pool.close();
    }

    async fn get(&self) -> Result<(Object<Opener>, GaugeGuard), DatabaseError> {
        self.files.refuse_lost()?;
        let waiting = GaugeGuard::waiting();
        let reader = self.pool.get().await.map_err(|error| match error {
            PoolError::Closed => DatabaseError::Closed,
            PoolError::Backend(error) => error,
            other => DatabaseError::NoReader(other.to_string()),
        })?;
        drop(waiting);
        Ok((reader, GaugeGuard::in_use()))
    }
}

struct Opener {
    path: PathBuf,
    files: Arc<HeldFiles>,
    /// Weak: the lock is released when the storage is closed, and not when the pool is dropped. `None`
    /// beside a server.
    lock: Option<Weak<FileLock>>,
}

impl Manager for Opener {
    type Type = Reader;
    type Error = DatabaseError;

    async fn create(&self) -> Result<Reader, DatabaseError> {
        let lock = self.lock.as_ref().map(Weak::upgrade);
        let reader = Reader {
            _lock: lock
                .map(|lock| lock.ok_or(DatabaseError::Closed))
                .transpose()?,
            connection: open_reader(&self.path)?,
        };
        // A connection to another file would read the records of another history.
        self.files.check()?;
        Ok(reader)
    }

    // A read-only connection keeps no state between transactions, so there is nothing to check.
    async fn recycle(&self, _: &mut Reader, _: &Metrics) -> RecycleResult<DatabaseError> {
        Ok(())
    }
}

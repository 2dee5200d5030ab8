//! The storage as a whole.

use std::fmt;

use async_trait::async_trait;
use futures::FutureExt as _;
use kanso_application::ports::storage::{Storage, StorageError};
use tokio_util::task::TaskTracker;

use crate::pool::Connections;
use crate::{OpenError, PostgresOptions, open};

/// The storage ports on one PostgreSQL database, which other nodes may have open as well.
pub struct PostgresStorage {
    pub(crate) connections: Connections,
    /// What runs in transactions.
    pub(crate) tasks: TaskTracker,
}

impl PostgresStorage {
    /// Connects to the database and brings its schema up to date.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open(options: &PostgresOptions) -> Result<Self, OpenError> {
        Ok(Self {
            connections: open::open(options).await?,
            tasks: TaskTracker::new(),
        })
    }
}

impl fmt::Debug for PostgresStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStorage").finish_non_exhaustive()
    }
}

#[async_trait]
impl Storage for PostgresStorage {
    async fn ping(&self) -> Result<(), StorageError> {
        self.look_up((), |connection, ()| {
            let sql = "SELECT 1 FROM server WHERE id = 1";
            connection
                .exists(sql, Vec::new())
                .map(|row| row.map(drop))
                .boxed()
        })
        .await
    }

    async fn close(&self) -> Result<(), StorageError> {
        self.tasks.close();
        self.tasks.wait().await;
        self.connections.close();
        Ok(())
    }
}

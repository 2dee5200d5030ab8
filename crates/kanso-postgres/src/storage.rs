//! The storage as a whole.

use std::fmt;

use async_trait::async_trait;
use futures::FutureExt as _;
use kanso_application::ports::storage::{Storage, StorageError};
use kanso_domain::sync::Head;
use kanso_domain::{SessionId, Timestamp, UserId};
use tokio_util::task::TaskTracker;

use crate::pool::Connections;
use crate::writers::Writers;
use crate::{OpenError, PostgresOptions, open, users};

/// The storage ports on one PostgreSQL database, which other nodes may use at the same time.
pub struct PostgresStorage {
    pub(crate) connections: Connections,
    /// Running transactions. `close` waits for them.
    pub(crate) tasks: TaskTracker,
    pub(crate) writers: Writers,
    oldest_server: Option<String>,
}

impl PostgresStorage {
    /// Connects to the database and migrates its schema.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open(options: &PostgresOptions) -> Result<Self, OpenError> {
        let (connections, oldest_server) = open::open(options).await?;
        Ok(Self {
            connections,
            tasks: TaskTracker::new(),
            writers: Writers::default(),
            oldest_server,
        })
    }

    /// Returns the oldest release whose servers may still have been running on this database when
    /// it was opened; `None` outside of the mixed phase of an upgrade.
    pub fn oldest_server(&self) -> Option<&str> {
        self.oldest_server.as_deref()
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
            // Reads a row and not just `SELECT 1`: a database whose tables are gone is not usable.
            let sql = "SELECT 1 FROM server WHERE id = 1";
            connection
                .exists(sql, Vec::new())
                .map(|row| row.map(drop))
                .boxed()
        })
        .await
    }

    async fn head_of_session(
        &self,
        user: UserId,
        session: SessionId,
        now: Timestamp,
    ) -> Result<Option<Head>, StorageError> {
        self.look_up((user, session, now), |connection, (user, session, now)| {
            users::head_of_session(connection, *user, *session, *now).boxed()
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

//! The pool of connections.

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::{
    Manager, Metrics, Object, Pool, PoolError, RecycleError, RecycleResult, TimeoutType,
};
use deadpool_postgres::ClientWrapper;
use kanso_domain::sync::Epoch;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::error::{DatabaseError, connection_cause, one_line};
use crate::primary::Primary;
use crate::witness::{self, Witness};
use crate::{FreshEpoch, PostgresOptions};

/// Settings of every connection.
//
// The limits end what could otherwise hold a user's row for ever. A statement or a lock wait that
// exceeds them does not succeed by waiting longer, and an idle transaction belongs to a node that
// hangs. The writes are decided under the lock on the user's row and need no stronger isolation: with
// one, a role's default would make concurrent writes of a user fail. An operator may have turned
// `synchronous_commit` off for the database, but an acknowledged operation must survive a crash of the
// server; every other value does that, so it stays, for instance `remote_apply`. Notices are not
// errors.
//
// A statement is planned once for each connection: by default PostgreSQL plans one with an array for
// each execution, which costs more than the execution. So no statement may depend on a plan for its
// values (ADR 0026). Every table is read by an index: a plan from the time when a table had one page
// stays in use while it grows.
const SETTINGS: &str = "SET statement_timeout = '30s'; SET lock_timeout = '10s';
    SET idle_in_transaction_session_timeout = '30s';
    SET default_transaction_isolation = 'read committed';
    SELECT set_config('synchronous_commit', 'on', false)
    WHERE current_setting('synchronous_commit') = 'off';
    SET client_min_messages = 'warning'; SET plan_cache_mode = 'force_generic_plan';
    SET enable_seqscan = 'off'; SET jit = 'off'";

/// Maximum wait for a free connection, and for a new one.
const POOL_TIMEOUT: Duration = Duration::from_secs(10);

/// A bounded pool. Connections are opened on demand and replaced when they break.
#[derive(Clone)]
pub(crate) struct Connections {
    pool: Pool<Histories>,
    /// One permit for each connection that transactions which write may hold.
    writes: Arc<Semaphore>,
    /// Cause of the last failure; `None` after a success.
    failing: Arc<Mutex<Option<&'static str>>>,
}

/// A connection of the pool.
pub(crate) type PooledConnection = Object<Histories>;

/// A connection that knows the history behind it.
pub(crate) struct CurrentClient {
    client: ClientWrapper,
    primary: Arc<Primary>,
    witness: Witness,
    /// Epoch of the database.
    pub(crate) epoch: Epoch,
}

impl CurrentClient {
    /// Returns an error if the process has seen a newer history since the connection was opened. A
    /// transaction checks this before it commits: what an old primary commits is lost.
    pub(crate) fn ensure_newest(&self) -> Result<(), DatabaseError> {
        let newest = &self.primary.newest;
        if newest.is(self.epoch) && newest.replaces(&self.witness).is_none() {
            Ok(())
        } else {
            Err(DatabaseError::Replaced)
        }
    }
}

impl Deref for CurrentClient {
    type Target = ClientWrapper;

    fn deref(&self) -> &ClientWrapper {
        &self.client
    }
}

/// Opens the connections of the pool and checks which history each one leads to.
pub(crate) struct Histories {
    primary: Arc<Primary>,
    fresh: FreshEpoch,
}

impl Manager for Histories {
    type Type = CurrentClient;
    type Error = DatabaseError;

    /// Opens a connection, applies the settings and checks the witness.
    //
    // Every new connection checks it, because the address may lead to another server than before: a
    // restored backup or a promoted standby, while this process ran.
    async fn create(&self) -> Result<CurrentClient, DatabaseError> {
        // Boxed: it is large and rare, and part of the future of every call.
        let opened = Box::pin(self.primary.connect()).await?;
        let client = ClientWrapper::new(opened.client, opened.task);
        client.batch_execute(SETTINGS).await?;
        let epoch = witness::check(&client, &opened.witness, &*self.fresh).await?;
        if !self.primary.newest.admit(&opened.witness, epoch) {
            return Err(DatabaseError::Replaced);
        }
        Ok(CurrentClient {
            client,
            primary: Arc::clone(&self.primary),
            witness: opened.witness,
            epoch,
        })
    }

    /// Checks that the socket is open and the history still the newest. No round trip: nothing needs
    /// to be reset, because a connection inside a transaction is closed and never returned.
    async fn recycle(
        &self,
        client: &mut CurrentClient,
        _: &Metrics,
    ) -> RecycleResult<DatabaseError> {
        if client.is_closed() {
            return Err(RecycleError::message("the connection is closed"));
        }
        client.ensure_newest().map_err(RecycleError::Backend)
    }
}

impl Connections {
    pub(crate) fn new(
        options: &PostgresOptions,
        primary: Arc<Primary>,
    ) -> Result<Self, DatabaseError> {
        let size = options.connections.get();
        let manager = Histories {
            primary,
            fresh: Arc::clone(&options.fresh_epoch),
        };
        let pool = Pool::builder(manager)
            .max_size(size)
            .wait_timeout(Some(POOL_TIMEOUT))
            .create_timeout(Some(POOL_TIMEOUT))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| DatabaseError::NoConnection(error.to_string()))?;
        let writes = Arc::new(Semaphore::new(share_of_writes(size)));
        Ok(Self {
            pool,
            writes,
            failing: Arc::default(),
        })
    }

    /// Returns a connection.
    pub(crate) async fn get(&self) -> Result<PooledConnection, DatabaseError> {
        let client = self.pool.get().await;
        self.note(client.as_ref().err());
        client.map_err(|error| match error {
            PoolError::Closed => DatabaseError::Closed,
            PoolError::Backend(error) => error,
            other => DatabaseError::NoConnection(other.to_string()),
        })
    }

    /// Waits until a further transaction may write. The permit is held until the transaction ended.
    ///
    /// A commit that waits for a synchronous standby which is away does not end, and no timeout of the
    /// server ends it. So the writes leave a share of the connections to the reads.
    pub(crate) async fn permit_to_write(&self) -> Result<OwnedSemaphorePermit, DatabaseError> {
        match timeout(POOL_TIMEOUT, Arc::clone(&self.writes).acquire_owned()).await {
            Ok(permit) => permit.map_err(|_| DatabaseError::Closed),
            Err(_) => Err(DatabaseError::NoConnection(
                "every connection for writes is in use; do commits wait for a standby?".to_owned(),
            )),
        }
    }

    /// Logs the first failure of each cause, not each failed call.
    fn note(&self, error: Option<&PoolError<DatabaseError>>) {
        let cause = match error {
            None => None,
            Some(PoolError::Backend(DatabaseError::Driver(error))) => Some(connection_cause(error)),
            Some(PoolError::Backend(DatabaseError::OldPrimary { .. })) => Some("old primary"),
            // All connections are in use, which is not the database's failure, or the pool is closed.
            Some(PoolError::Timeout(TimeoutType::Wait) | PoolError::Closed) => return,
            Some(PoolError::Timeout(_)) => Some("timeout"),
            Some(_) => Some("pool"),
        };
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *failing, cause);
        match (cause, error) {
            (Some(cause), Some(error)) if before != Some(cause) => {
                tracing::warn!(
                    cause,
                    error = one_line(error),
                    "no connection to postgresql"
                );
            }
            (None, _) if before.is_some() => tracing::info!("connected to postgresql again"),
            _ => {}
        }
    }

    /// Closes the connections. One in use closes when it is returned.
    pub(crate) fn close(&self) {
        self.pool.close();
    }
}

/// Number of connections that writes may hold at a time: three quarters, and one less than all of
/// them at most. A pool of one connection has no share for the reads.
const fn share_of_writes(connections: usize) -> usize {
    let for_reads = connections.div_ceil(4);
    let share = connections - for_reads;
    if share == 0 { 1 } else { share }
}

#[cfg(test)]
mod tests {
    use kanso_testkit::PostgresServer;

    use super::*;
    use crate::PostgresStorage;

    #[test]
    fn writes_leave_connections_to_the_reads() {
        let shares = [1, 2, 3, 4, 8, 16].map(share_of_writes);
        assert_eq!(shares, [1, 1, 2, 3, 6, 12]);
    }

    /// Value of a setting on a connection of the pool, if the operator set it to `given`.
    async fn used(setting: &str, given: &str) -> String {
        let database = PostgresServer::shared().database();
        let name = database.name();
        database.run(&format!("ALTER DATABASE {name} SET {setting} = '{given}'"));
        let url = database.url().parse().unwrap();
        let options = PostgresOptions::new(url, Arc::new(|| Epoch::new(1)));
        let storage = PostgresStorage::open(&options).await.unwrap();
        let client = storage.connections.get().await.unwrap();
        let row = client.query_one(&format!("SHOW {setting}"), &[]).await;
        row.unwrap().get(0)
    }

    /// An operator may ask for more than a local flush, and may not ask for less.
    #[tokio::test]
    async fn the_operators_level_of_a_commit_is_kept_unless_it_is_off() {
        for (given, expected) in [
            ("off", "on"),
            ("local", "local"),
            ("remote_write", "remote_write"),
            ("on", "on"),
            ("remote_apply", "remote_apply"),
        ] {
            assert_eq!(used("synchronous_commit", given).await, expected);
        }
    }

    #[tokio::test]
    async fn the_operators_isolation_level_is_not_used() {
        let level = used("default_transaction_isolation", "serializable").await;
        assert_eq!(level, "read committed");
    }
}

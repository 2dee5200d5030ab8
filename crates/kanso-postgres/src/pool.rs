//! The pool of connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use deadpool_postgres::{
    ClientWrapper, Hook, HookError, Manager, ManagerConfig, Object, Pool, PoolError,
    RecyclingMethod, Runtime,
};
use futures::FutureExt as _;
use kanso_domain::sync::Epoch;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::PostgresOptions;
use crate::error::DatabaseError;
use crate::witness;

/// Settings of every connection.
//
// The limits end what could otherwise hold a user's row for ever. A statement or a lock wait that
// exceeds them does not succeed by waiting longer, and an idle transaction belongs to a node that
// hangs. `synchronous_commit` is set because an operator may have turned it off for the database,
// and an acknowledged operation must survive a crash of the server. Notices are not errors. A statement is
// planned once for each connection: by default PostgreSQL plans one with an array for each execution, which
// costs more than the execution. So no statement may depend on a plan for its values (ADR 0026). Every table
// is read by an index: a plan from the time when a table had one page stays in use while it grows.
const SETTINGS: &str = "SET statement_timeout = '30s'; SET lock_timeout = '10s';
    SET idle_in_transaction_session_timeout = '30s'; SET synchronous_commit = 'on';
    SET client_min_messages = 'warning'; SET plan_cache_mode = 'force_generic_plan';
    SET enable_seqscan = 'off'; SET jit = 'off'";

/// Maximum wait for a free connection, and for a new one.
const POOL_TIMEOUT: Duration = Duration::from_secs(10);

/// A bounded pool. Connections are opened on demand and replaced when they break.
#[derive(Clone)]
pub(crate) struct Connections {
    pool: Pool,
    epoch: Arc<AtomicU64>,
}

impl Connections {
    pub(crate) fn new(
        options: &PostgresOptions,
        tls: MakeRustlsConnect,
    ) -> Result<Self, DatabaseError> {
        let config = ManagerConfig {
            // `Fast` only checks that the socket is open and saves a round trip on each use. Nothing
            // needs to be reset: a connection inside a transaction is closed, never returned.
            recycling_method: RecyclingMethod::Fast,
        };
        let manager = Manager::from_config(options.url.config().clone(), tls, config);
        let epoch = Arc::new(AtomicU64::new(0));
        let newest = Arc::clone(&epoch);
        let fresh = Arc::clone(&options.fresh_epoch);
        let pool = Pool::builder(manager)
            .max_size(options.connections.get())
            .wait_timeout(Some(POOL_TIMEOUT))
            .create_timeout(Some(POOL_TIMEOUT))
            .runtime(Runtime::Tokio1)
            .post_create(Hook::async_fn(move |client, _| {
                let (newest, fresh) = (Arc::clone(&newest), Arc::clone(&fresh));
                let set_up = async move {
                    let epoch = set_up(client, &*fresh).await.map_err(HookError::Backend)?;
                    newest.store(epoch.get(), Ordering::Release);
                    Ok(())
                };
                set_up.boxed()
            }))
            .build()
            .map_err(|error| DatabaseError::NoConnection(error.to_string()))?;
        Ok(Self { pool, epoch })
    }

    /// Returns a connection and the epoch of the database.
    //
    // The epoch is read after the connection, so it is never older than that of the connection. It
    // may be newer if another connection has just met a restored database; the old connection is
    // then about to fail, because its server is gone.
    pub(crate) async fn get(&self) -> Result<(Object, Epoch), DatabaseError> {
        let client = self.pool.get().await.map_err(|error| match error {
            PoolError::Closed => DatabaseError::Closed,
            PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => {
                error.into()
            }
            other => DatabaseError::NoConnection(other.to_string()),
        })?;
        Ok((client, Epoch::new(self.epoch.load(Ordering::Acquire))))
    }

    /// Closes the connections. One in use closes when it is returned.
    pub(crate) fn close(&self) {
        self.pool.close();
    }
}

/// Applies the settings to a new connection and checks the witness.
//
// Every new connection checks it, because the address may lead to another server than before: a
// restored backup or a promoted standby, while this process ran.
async fn set_up(
    client: &ClientWrapper,
    fresh: &(dyn Fn() -> Epoch + Send + Sync),
) -> Result<Epoch, tokio_postgres::Error> {
    client.batch_execute(SETTINGS).await?;
    witness::check(client, fresh).await
}

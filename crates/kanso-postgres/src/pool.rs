//! The pool of connections.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deadpool_postgres::{
    ClientWrapper, Hook, HookError, Manager, ManagerConfig, Object, Pool, PoolError,
    RecyclingMethod, Runtime, TimeoutType,
};
use futures::FutureExt as _;
use kanso_domain::sync::Epoch;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::PostgresOptions;
use crate::error::{DatabaseError, connection_cause, one_line};
use crate::witness;

/// Settings of every connection.
//
// The limits end what could otherwise hold a user's row for ever. A statement or a lock wait that
// exceeds them does not succeed by waiting longer, and an idle transaction belongs to a node that
// hangs. `synchronous_commit` is set because an operator may have turned it off for the database,
// and an acknowledged operation must survive a crash of the server. Notices are not errors.
const SETTINGS: &str = "SET statement_timeout = '30s'; SET lock_timeout = '10s';
    SET idle_in_transaction_session_timeout = '30s'; SET synchronous_commit = 'on';
    SET client_min_messages = 'warning'";

/// Maximum wait for a free connection, and for a new one.
const POOL_TIMEOUT: Duration = Duration::from_secs(10);

/// A bounded pool. Connections are opened on demand and replaced when they break.
#[derive(Clone)]
pub(crate) struct Connections {
    pool: Pool,
    epoch: Arc<AtomicU64>,
    /// Cause of the last failure; `None` after a success.
    failing: Arc<Mutex<Option<&'static str>>>,
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
        Ok(Self {
            pool,
            epoch,
            failing: Arc::default(),
        })
    }

    /// Returns a connection and the epoch of the database.
    //
    // The epoch is read after the connection, so it is never older than that of the connection. It
    // may be newer if another connection has just met a restored database; the old connection is
    // then about to fail, because its server is gone.
    pub(crate) async fn get(&self) -> Result<(Object, Epoch), DatabaseError> {
        let client = self.pool.get().await;
        self.note(client.as_ref().err());
        let client = client.map_err(|error| match error {
            PoolError::Closed => DatabaseError::Closed,
            PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => {
                error.into()
            }
            other => DatabaseError::NoConnection(other.to_string()),
        })?;
        Ok((client, Epoch::new(self.epoch.load(Ordering::Acquire))))
    }

    /// Logs the first failure of each cause, not each failed call.
    fn note(&self, error: Option<&PoolError>) {
        let cause = match error {
            None => None,
            Some(
                PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)),
            ) => Some(connection_cause(error)),
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

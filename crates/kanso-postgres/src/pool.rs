//! The connections that are kept.

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
use crate::error::Failure;
use crate::witness;

/// What every connection is told. A statement or a lock that takes longer has met something that
/// waiting longer does not help, and a transaction that nobody goes on with ends by itself.
const SETTINGS: &str = "SET statement_timeout = '30s'; SET lock_timeout = '10s';
    SET idle_in_transaction_session_timeout = '30s'; SET synchronous_commit = 'on';
    SET client_min_messages = 'warning'";

/// How long to wait for a connection that is in use, and for a new one.
const PATIENCE: Duration = Duration::from_secs(10);

/// A bounded number of connections, opened when they are first needed, and again when they broke.
#[derive(Clone)]
pub(crate) struct Connections {
    pool: Pool,
    epoch: Arc<AtomicU64>,
}

impl Connections {
    pub(crate) fn new(options: &PostgresOptions, tls: MakeRustlsConnect) -> Result<Self, Failure> {
        let config = ManagerConfig {
            // Whether it broke is all there is to ask: none is given back inside a transaction.
            recycling_method: RecyclingMethod::Fast,
        };
        let manager = Manager::from_config(options.url.config().clone(), tls, config);
        let epoch = Arc::new(AtomicU64::new(0));
        let heard = Arc::clone(&epoch);
        let fresh = Arc::clone(&options.fresh_epoch);
        let pool = Pool::builder(manager)
            .max_size(options.connections.get())
            .wait_timeout(Some(PATIENCE))
            .create_timeout(Some(PATIENCE))
            .runtime(Runtime::Tokio1)
            .post_create(Hook::async_fn(move |client, _| {
                let (heard, fresh) = (Arc::clone(&heard), Arc::clone(&fresh));
                let greeted = async move {
                    let epoch = greet(client, &*fresh).await.map_err(HookError::Backend)?;
                    heard.store(epoch.get(), Ordering::Release);
                    Ok(())
                };
                greeted.boxed()
            }))
            .build()
            .map_err(|error| Failure::NoConnection(error.to_string()))?;
        Ok(Self { pool, epoch })
    }

    /// A connection, and the epoch of the database that it is to.
    pub(crate) async fn get(&self) -> Result<(Object, Epoch), Failure> {
        let client = self.pool.get().await.map_err(|error| match error {
            PoolError::Closed => Failure::Closed,
            PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => {
                error.into()
            }
            other => Failure::NoConnection(other.to_string()),
        })?;
        Ok((client, Epoch::new(self.epoch.load(Ordering::Acquire))))
    }

    /// Lets go of the connections; one that is in use goes when it is given back.
    pub(crate) fn close(&self) {
        self.pool.close();
    }
}

/// Says to a new connection what it is for, and hears which database it is to: the server at the
/// other end may be another one than before.
async fn greet(
    client: &ClientWrapper,
    fresh: &(dyn Fn() -> Epoch + Send + Sync),
) -> Result<Epoch, tokio_postgres::Error> {
    client.batch_execute(SETTINGS).await?;
    witness::hear(client, fresh).await
}

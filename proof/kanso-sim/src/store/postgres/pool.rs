//! The connection pool of one server.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::database::SimPostgres;
use crate::chance::Chance;

/// The storage of one server: a pool of connections to a shared database.
#[derive(Clone)]
pub struct ConnectionPool(pub(super) Arc<PoolState>);

pub(super) struct PoolState {
    pub(super) database: Arc<SimPostgres>,
    /// One permit for each connection.
    pub(super) permits: Arc<Semaphore>,
    pub(super) chance: Chance,
    /// Cancelled when the process dies: its transactions are rolled back.
    pub(super) died: CancellationToken,
}

impl ConnectionPool {
    /// Creates the pool of a process that lives until `died`.
    pub fn new(database: Arc<SimPostgres>, died: CancellationToken, chance: Chance) -> Self {
        let connections = usize::try_from(database.faults.connections).unwrap_or(usize::MAX);
        Self(Arc::new(PoolState {
            // Tokio's semaphore is fair, so connections are granted in the order of request, as in
            // the real pool.
            permits: Arc::new(Semaphore::new(connections.max(1))),
            database,
            chance,
            died,
        }))
    }
}

//! The database as one server reaches it.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::database::Database;
use crate::chance::Chance;

/// The storage of one server: a pool of connections to a database that others use as well.
#[derive(Clone)]
pub struct Node(pub(super) Arc<Inside>);

pub(super) struct Inside {
    pub(super) database: Arc<Database>,
    /// A permit is a connection.
    pub(super) pool: Arc<Semaphore>,
    pub(super) chance: Chance,
    /// When the process dies, its transactions are rolled back.
    pub(super) died: CancellationToken,
}

impl Node {
    /// The database as a process reaches it that lives until `died`.
    pub fn new(database: Arc<Database>, died: CancellationToken, chance: Chance) -> Self {
        let connections = usize::try_from(database.conduct.connections).unwrap_or(usize::MAX);
        Self(Arc::new(Inside {
            pool: Arc::new(Semaphore::new(connections.max(1))),
            database,
            chance,
            died,
        }))
    }
}

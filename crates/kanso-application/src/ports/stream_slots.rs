//! The number of open event streams per user, over all servers.

use async_trait::async_trait;
use kanso_domain::UserId;
use uuid::Uuid;

/// The slot of one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamSlot {
    /// User of the stream.
    pub user: UserId,
    /// Id of the stream.
    pub stream: Uuid,
}

/// Counts the streams of all servers.
///
/// Each server also counts its own, so this count may lose slots. Then a user can have more streams
/// for a while.
#[async_trait]
pub trait SharedStreamSlots: Send + Sync {
    /// Takes the slot. Returns `false` if its user has `most` others. If the count is not
    /// available, the slot is granted.
    async fn take(&self, slot: StreamSlot, most: usize) -> bool;

    /// Renews the slot. It is called with every heartbeat. A slot without a renewal for three
    /// heartbeats is free, because its server may have stopped.
    fn renew(&self, slot: StreamSlot);

    /// Releases the slot of a closed stream.
    fn give_back(&self, slot: StreamSlot);
}

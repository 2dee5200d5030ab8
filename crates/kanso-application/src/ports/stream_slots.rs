//! How many event streams a person has open, over all servers.

use async_trait::async_trait;
use kanso_domain::UserId;
use uuid::Uuid;

/// A stream's right to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamSlot {
    /// Whose stream it is.
    pub user: UserId,
    /// Which of their streams.
    pub stream: Uuid,
}

/// Counts the streams of all servers together. Each server counts its own besides, so this may
/// forget; then a person may have more streams for a while.
#[async_trait]
pub trait SharedStreamSlots: Send + Sync {
    /// Takes this slot, unless its user has `most` others; `false` then. While nobody can tell, it
    /// is taken.
    async fn take(&self, slot: StreamSlot, most: usize) -> bool;

    /// Says that the stream is still there, which it has to with every heartbeat: a slot of which
    /// nothing is heard for three of them is free, because its server may be gone.
    fn renew(&self, slot: StreamSlot);

    /// The stream is gone.
    fn give_back(&self, slot: StreamSlot);
}

//! What is removed as time passes, in bounded steps.

use async_trait::async_trait;
use kanso_domain::Timestamp;

use super::storage_error::StorageError;

/// Removes what nobody needs any more. Each call is one short write.
#[async_trait]
pub trait PurgeStore: Send + Sync {
    /// Removes up to `limit` receipts that are older than `before`, the oldest first, and says
    /// how many there were.
    async fn purge_receipts(&self, before: Timestamp, limit: u32) -> Result<u32, StorageError>;

    /// Removes up to `limit` tombstones that are older than `before` and that every device has
    /// read which was seen since then, and says how many there were. A habit takes its entries
    /// with it. What is left of each is a grave, so that a late device cannot bring it back, and
    /// the user's floor, below which a cursor has expired.
    async fn purge_tombstones(&self, before: Timestamp, limit: u32) -> Result<u32, StorageError>;
}

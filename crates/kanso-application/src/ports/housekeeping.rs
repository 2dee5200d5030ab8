//! Removal of expired data, in bounded steps.

use std::collections::BTreeSet;

use async_trait::async_trait;
use kanso_domain::{EntryId, HabitId, Timestamp, UserId};

use super::storage_error::StorageError;

/// Records of one user whose texts are to be erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextsToErase {
    /// User of the records.
    pub user: UserId,
    /// Tombstones of habits.
    pub habits: BTreeSet<HabitId>,
    /// Tombstones of entries, and live entries of deleted habits.
    pub entries: BTreeSet<EntryId>,
}

/// Removes expired data. Each call is one short write.
#[async_trait]
pub trait PurgeStore: Send + Sync {
    /// Removes up to `limit` receipts from before `before`, oldest first. Returns their number.
    async fn purge_receipts(&self, before: Timestamp, limit: u32) -> Result<u32, StorageError>;

    /// Removes up to `limit` tombstones from before `before`, and returns their number.
    ///
    /// A tombstone stays while a device that was seen since then has not read it. The tombstone of
    /// a habit takes its entries with it. The id of each record stays, so that a late device cannot
    /// bring it back. The floor of the user rises to the newest removed tombstone; a cursor below
    /// it has expired.
    async fn purge_tombstones(&self, before: Timestamp, limit: u32) -> Result<u32, StorageError>;

    /// Returns up to `limit` records that have texts and were deleted before `before`, each user once.
    ///
    /// The entries of a deleted habit count as deleted with it. The habit itself comes after all of
    /// them: a habit without texts has no entry with notes.
    async fn texts_to_erase(
        &self,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<TextsToErase>, StorageError>;

    /// Removes up to `limit` security events from before `before`, oldest first. Returns their number.
    async fn purge_events(&self, before: Timestamp, limit: u32) -> Result<u32, StorageError>;

    /// Deletes up to `limit` rows of accounts that were deleted, and returns their number: 0 if none is
    /// left.
    async fn erase_accounts(&self, limit: u32) -> Result<u32, StorageError>;
}

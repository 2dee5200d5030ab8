//! Usage of the storage by accounts, and the bounds that an operator sets for one of them.

use async_trait::async_trait;
use kanso_domain::UserId;
use kanso_domain::sync::{OwnQuota, Usage};

use super::storage_error::StorageError;

/// Usage of one account, and its own bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountUsage {
    /// Live habits.
    pub live_habits: u32,
    /// Records, and the bytes of records and receipts.
    pub usage: Usage,
    /// Bounds that the operator set for this account.
    pub own_quota: OwnQuota,
}

/// The figures that quotas compare.
///
/// [`RecordStore::write`](super::storage::RecordStore::write) reads and stores the usage in the transaction
/// of the write, and a purge lowers it in its own. A storage that has no figures yet counts its rows.
#[async_trait]
pub trait QuotaStore: Send + Sync {
    /// Returns what an account stores, or `None` if there is no such account.
    async fn usage(&self, user: UserId) -> Result<Option<AccountUsage>, StorageError>;

    /// Sets the bounds of one account. Returns `false` if there is no such account.
    async fn set_own_quota(&self, user: UserId, own: OwnQuota) -> Result<bool, StorageError>;
}

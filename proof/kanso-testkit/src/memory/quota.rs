//! Usage of accounts, in memory.

use async_trait::async_trait;
use kanso_application::ports::quota::{AccountUsage, QuotaStore};
use kanso_application::ports::storage::StorageError;
use kanso_domain::UserId;
use kanso_domain::sync::OwnQuota;

use super::MemoryStorage;

#[async_trait]
impl QuotaStore for MemoryStorage {
    async fn usage(&self, user: UserId) -> Result<Option<AccountUsage>, StorageError> {
        self.with_user(user, |data| AccountUsage {
            live_habits: data.live_habits(),
            usage: data.usage(),
            own_quota: data.own_quota,
        })
    }

    async fn set_own_quota(&self, user: UserId, own: OwnQuota) -> Result<bool, StorageError> {
        let set = self.with_user(user, |data| data.own_quota = own)?;
        Ok(set.is_some())
    }
}

//! Quotas: the usage of an account, and its bounds.

use std::sync::Arc;

use kanso_domain::UserId;
use kanso_domain::sync::{Quota, Usage};

use crate::ports::storage::Storage;
use crate::{Fault, Outcome};

/// Usage of an account, and its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaReport {
    /// Live habits.
    pub live_habits: u32,
    /// Records, and the bytes of records and receipts.
    pub usage: Usage,
    /// The bounds of this account: its own where the operator set one, or else those of all.
    pub quota: Quota,
}

/// The feature: reports the quota of an account. Writes are checked by
/// [`decide_push`](kanso_domain::sync::decide_push).
///
/// ```
/// use std::sync::Arc;
///
/// use kanso_application::ports::storage::AccountStore as _;
/// use kanso_application::quotas::Quotas;
/// use kanso_domain::sync::Quota;
/// use kanso_testkit::MemoryStorage;
/// use kanso_testkit::build::{new_account, user};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let storage = Arc::new(MemoryStorage::default());
/// storage.create_account(new_account(1)).await?;
/// let quotas = Quotas::new(storage, Quota::default());
///
/// let report = quotas.report(user(1)).await?;
/// assert_eq!((report.usage.records, report.quota.records), (0, 2_000_000));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Quotas {
    storage: Arc<dyn Storage>,
    quota: Quota,
}

impl Quotas {
    /// Returns the feature over its port. `quota` has the bounds of every account.
    pub fn new(storage: Arc<dyn Storage>, quota: Quota) -> Self {
        Self { storage, quota }
    }

    /// Returns what the account stores and its bounds.
    ///
    /// # Errors
    /// Fails if the account is gone or the storage does not answer.
    pub async fn report(&self, user: UserId) -> Outcome<QuotaReport> {
        let stored = self.storage.usage(user).await?;
        let stored = stored.ok_or(Fault::AccountGone)?;
        Ok(QuotaReport {
            live_habits: stored.live_habits,
            usage: stored.usage,
            quota: self.quota.with(stored.own_quota),
        })
    }
}

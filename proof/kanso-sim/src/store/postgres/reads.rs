//! The ports of records, and the calls about the storage as a whole.

use kanso_application::ports::quota::{AccountUsage, QuotaStore};
use kanso_application::ports::storage::{
    Comparison, Decide, DeltaQuery, EntryKey, EntryQuery, HabitQuery, Journal, RecordStore,
    SnapshotPiece, SnapshotQuery, Storage, StorageError, WriteOutcome,
};
use kanso_domain::entries::Entry;
use kanso_domain::habits::Habit;
use kanso_domain::sync::{Buckets, Epoch, Head, LoadSet, OwnQuota, Page};
use kanso_domain::{EntryId, HabitId, Seq, UserId};
use kanso_testkit::MemoryStorage;

use super::pool::ConnectionPool;
use super::work;
use crate::mutants::Bug;
use crate::store::delegated;

impl ConnectionPool {
    pub(super) fn inner(&self) -> &MemoryStorage {
        &self.0.database.memory
    }

    pub(super) async fn around<T>(
        &self,
        call: impl Future<Output = Result<T, StorageError>> + Send,
    ) -> Result<T, StorageError> {
        self.read(call).await
    }
}

delegated!(RecordStore for ConnectionPool {
    head(user: UserId) -> Option<Head>;
    shared_up_to(user: UserId, epoch: Epoch) -> Option<Seq>;
    heads(users: &[UserId]) -> Vec<(UserId, Seq)>;
    snapshot(user: UserId, query: SnapshotQuery) -> Option<SnapshotPiece>;
    compare(user: UserId, replica: Buckets, limit: u32) -> Option<Comparison>;
    journal(user: UserId, only: Option<&[HabitId]>) -> Option<Journal>;
    habit(user: UserId, id: HabitId) -> Option<Habit>;
    habits(user: UserId, query: HabitQuery) -> Vec<Habit>;
    entry(user: UserId, id: EntryId) -> Option<Entry>;
    entry_keys(user: UserId, query: EntryQuery) -> Vec<EntryKey>;
    entries(user: UserId, ids: Vec<EntryId>) -> Vec<Entry>;
}

async fn write(&self, user: UserId, keys: LoadSet, decide: Decide) -> Result<WriteOutcome, StorageError> {
    work::write(self, user, keys, decide).await
}

// As in `kanso-postgres`: most pulls have seen everything, which one row shows.
async fn delta(&self, user: UserId, query: DeltaQuery) -> Result<Option<Page>, StorageError> {
    let Some(head) = self.head(user).await? else {
        return Ok(None);
    };
    if query.since.is_up_to_date(head) {
        return Ok(Some(Page::empty(head)));
    }
    // A second transaction: the head above is older than this page. The page carries its own head,
    // which the planted bug replaces.
    let page = self.read(self.inner().delta(user, query)).await?;
    if self.0.database.bug == Some(Bug::SnapshotPerStatement) {
        return Ok(page.map(|page| Page { head, ..page }));
    }
    Ok(page)
});

delegated!(QuotaStore for ConnectionPool {
    usage(user: UserId) -> Option<AccountUsage>;
    set_own_quota(user: UserId, own: OwnQuota) -> bool;
});

delegated!(Storage for ConnectionPool {
    ping() -> ();
}

async fn close(&self) -> Result<(), StorageError> {
    self.0.permits.close();
    Ok(())
});

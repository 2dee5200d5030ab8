//! The ports over records, and what else is about the storage as a whole.

use kanso_application::ports::storage::{
    Comparison, Decide, DeltaQuery, EntryFilter, Journal, RecordStore, SnapshotPiece,
    SnapshotQuery, Storage, StorageError, WriteOutcome,
};
use kanso_domain::entries::Entry;
use kanso_domain::habits::Habit;
use kanso_domain::sync::{Buckets, Head, LoadSet, Page};
use kanso_domain::{EntryId, HabitId, Seq, UserId};
use kanso_testkit::MemoryStorage;

use super::node::Node;
use super::work;
use crate::planted::Bug;
use crate::store::delegated;

impl Node {
    pub(super) fn inner(&self) -> &MemoryStorage {
        &self.0.database.memory
    }

    pub(super) async fn around<T>(
        &self,
        call: impl Future<Output = Result<T, StorageError>> + Send,
    ) -> Result<T, StorageError> {
        self.look(call).await
    }
}

delegated!(RecordStore for Node {
    head(user: UserId) -> Option<Head>;
    heads(users: &[UserId]) -> Vec<(UserId, Seq)>;
    snapshot(user: UserId, query: SnapshotQuery) -> Option<SnapshotPiece>;
    compare(user: UserId, replica: Buckets, limit: u32) -> Option<Comparison>;
    journal(user: UserId, only: Option<&[HabitId]>) -> Option<Journal>;
    habit(user: UserId, id: HabitId) -> Option<Habit>;
    habits(user: UserId, archived_too: bool) -> Vec<Habit>;
    entry(user: UserId, id: EntryId) -> Option<Entry>;
    entries(user: UserId, filter: EntryFilter) -> Vec<Entry>;
}

async fn write(&self, user: UserId, keys: LoadSet, decide: Decide) -> Result<WriteOutcome, StorageError> {
    work::write(self, user, keys, decide).await
}

// As in `kanso-postgres`: most who ask have seen everything, and learn so from one row.
async fn delta(&self, user: UserId, query: DeltaQuery) -> Result<Option<Page>, StorageError> {
    let Some(head) = self.head(user).await? else {
        return Ok(None);
    };
    if query.since.is_up_to_date(head) {
        return Ok(Some(Page::empty(head)));
    }
    let page = self.look(self.inner().delta(user, query)).await?;
    if self.0.database.bug == Some(Bug::SnapshotPerStatement) {
        return Ok(page.map(|page| Page { head, ..page }));
    }
    Ok(page)
});

delegated!(Storage for Node {
    ping() -> ();
}

async fn close(&self) -> Result<(), StorageError> {
    self.0.pool.close();
    Ok(())
});

//! Bugs of reads. Most of them are errors in a query: a snapshot for each statement, a filter that
//! is too strict, a cursor computed from the wrong row. Checks 5 and 6 see them, because the pages
//! do not add up to the digest of the head.

use kanso_application::ports::storage::{
    Comparison, Decide, DeltaQuery, EntryKey, EntryQuery, HabitQuery, Journal, RecordStore, Scope,
    SnapshotPiece, SnapshotQuery, StorageError, WriteOutcome,
};
use kanso_domain::entries::Entry;
use kanso_domain::habits::Habit;
use kanso_domain::sync::{Buckets, Epoch, Floor, Head, LoadSet, Page, Since};
use kanso_domain::{EntryId, HabitId, Record, Seq, UserId, Version};
use tokio::time::Instant;

use super::{Bug, MutantStorage};
use crate::store::delegated;

delegated!(RecordStore for MutantStorage {
    shared_up_to(user: UserId, epoch: Epoch) -> Option<Seq>;
    heads(users: &[UserId]) -> Vec<(UserId, Seq)>;
    compare(user: UserId, replica: Buckets, limit: u32) -> Option<Comparison>;
    journal(user: UserId, only: Option<&[HabitId]>) -> Option<Journal>;
    habit(user: UserId, id: HabitId) -> Option<Habit>;
    habits(user: UserId, query: HabitQuery) -> Vec<Habit>;
    entry(user: UserId, id: EntryId) -> Option<Entry>;
    entry_keys(user: UserId, query: EntryQuery) -> Vec<EntryKey>;
    entries(user: UserId, ids: Vec<EntryId>) -> Vec<Entry>;
}

async fn write(&self, user: UserId, keys: LoadSet, decide: Decide) -> Result<WriteOutcome, StorageError> {
    self.mutant_write(user, keys, decide).await
}

async fn head(&self, user: UserId) -> Result<Option<Head>, StorageError> {
    let head = self.inner.head(user).await?;
    Ok(head.map(|head| self.mutant_head(head)))
}

async fn snapshot(
    &self,
    user: UserId,
    query: SnapshotQuery,
) -> Result<Option<SnapshotPiece>, StorageError> {
    let mut piece = self.inner.snapshot(user, query).await?;
    if let Some(piece) = &mut piece
        && self.bug == Bug::SnapshotSkips
        && query.after.is_some()
        && !piece.records.is_empty()
    {
        piece.records.remove(0);
    }
    Ok(piece)
}

async fn delta(&self, user: UserId, query: DeltaQuery) -> Result<Option<Page>, StorageError> {
    let Some(mut page) = self.inner.delta(user, query).await? else {
        return Ok(None);
    };
    page.head = self.mutant_head(page.head);
    match self.bug {
        // A developer might read the head in a second query, outside the transaction of the page. A
        // commit between the two is then skipped for ever.
        Bug::TwoSnapshots => {
            let pause = std::time::Duration::from_millis(self.chance.between(0, 400));
            tokio::time::sleep(pause).await;
            if let Some(later) = self.inner.head(user).await? {
                page.head = later;
            }
        }
        // The cursor of the head on a page that was cut by the limit skips the rest.
        Bug::CursorPastPage if page.has_more() => page.remaining = 0,
        Bug::OtherPersonsRecord if self.chance.happens(20) => self.add_other_users_record(user, &mut page).await?,
        Bug::StaleRead => self.answer_older_page(user, query, &mut page),
        _ => self.leave_out(user, &mut page).await?,
    }
    Ok(Some(page))
});

impl MutantStorage {
    /// Returns the first epoch that was seen, for a storage that keeps its epoch.
    pub(super) async fn first_epoch(&self, user: UserId) -> Result<Option<Epoch>, StorageError> {
        if self.bug != Bug::EpochKept {
            return Ok(None);
        }
        let head = self.inner.head(user).await?;
        Ok(head.map(|head| self.mutant_head(head).epoch))
    }

    fn mutant_head(&self, mut head: Head) -> Head {
        match self.bug {
            // A restore without a new epoch: old cursors stay valid in a history that lacks their
            // changes.
            Bug::EpochKept => head.epoch = Epoch::new(1),
            Bug::PurgeWithoutFloor => head.floor = Floor::NONE,
            _ => {}
        }
        head
    }

    /// Removes records from a page, or changes their versions.
    async fn leave_out(&self, user: UserId, page: &mut Page) -> Result<(), StorageError> {
        // A join on live habits also drops the tombstones of entries, so devices keep deleted
        // entries.
        if self.bug == Bug::EntryTombstoneLeftOut {
            let live = self.inner.habits(user, HabitQuery::all(true)).await?;
            page.records.retain(|record| match record {
                Record::Entry(entry) if entry.stamp.is_deleted() => {
                    live.iter().any(|habit| habit.id == entry.details.habit_id)
                }
                _ => true,
            });
        }
        let memory = self.memory();
        let now = Instant::now();
        page.records.retain(|record| {
            // A record is hidden while an earlier position is not yet visible to readers, or was
            // never sent.
            let place = (user, record.stamp().seq);
            let is_hidden = memory.hidden.get(&place).is_some_and(|until| now < *until);
            !is_hidden && !memory.unsent.contains(&place)
        });
        for record in &mut page.records {
            if let Record::Habit(habit) = record
                && let Some(bumps) = memory.bumped.get(&(user, habit.id))
                && let Some(version) = Version::new(habit.stamp.version.get() + bumps)
            {
                habit.stamp.version = version;
            }
        }
        Ok(())
    }

    /// Adds a record of the last other user who read a page, as a query without `user_id` would.
    async fn add_other_users_record(
        &self,
        user: UserId,
        page: &mut Page,
    ) -> Result<(), StorageError> {
        let stranger = self
            .memory()
            .earlier
            .keys()
            .find(|&&other| other != user)
            .copied();
        self.memory()
            .earlier
            .insert(user, (String::new(), page.clone()));
        let Some(stranger) = stranger else {
            return Ok(());
        };
        let habits = self.inner.habits(stranger, HabitQuery::all(true)).await?;
        page.records
            .extend(habits.into_iter().next().map(Record::Habit));
        Ok(())
    }

    /// Answers sometimes with an older page for the same query, as a read from a lagging replica of
    /// the database would.
    fn answer_older_page(&self, user: UserId, query: DeltaQuery, page: &mut Page) {
        if query.scope != Scope::Everything || matches!(query.since, Since::Instant(_)) {
            return;
        }
        let question = format!("{query:?}");
        let mut memory = self.memory();
        match memory.earlier.get(&user) {
            Some((same, older)) if *same == question && self.chance.happens(50) => {
                *page = older.clone();
            }
            _ => {
                memory.earlier.insert(user, (question, page.clone()));
            }
        }
    }
}

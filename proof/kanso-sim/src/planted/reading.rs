//! Bugs of reads.

use kanso_application::ports::storage::{
    Comparison, Decide, DeltaQuery, EntryFilter, Journal, RecordStore, Scope, SnapshotPiece,
    SnapshotQuery, StorageError, WriteOutcome,
};
use kanso_domain::entries::Entry;
use kanso_domain::habits::Habit;
use kanso_domain::sync::{Buckets, Epoch, Floor, Head, LoadSet, Page, Since};
use kanso_domain::{EntryId, HabitId, Record, Seq, UserId, Version};
use tokio::time::Instant;

use super::{Bug, Planted};
use crate::store::delegated;

delegated!(RecordStore for Planted {
    heads(users: &[UserId]) -> Vec<(UserId, Seq)>;
    compare(user: UserId, replica: Buckets, limit: u32) -> Option<Comparison>;
    journal(user: UserId, only: Option<&[HabitId]>) -> Option<Journal>;
    habit(user: UserId, id: HabitId) -> Option<Habit>;
    habits(user: UserId, archived_too: bool) -> Vec<Habit>;
    entry(user: UserId, id: EntryId) -> Option<Entry>;
    entries(user: UserId, filter: EntryFilter) -> Vec<Entry>;
}

async fn write(&self, user: UserId, keys: LoadSet, decide: Decide) -> Result<WriteOutcome, StorageError> {
    self.spoilt_write(user, keys, decide).await
}

async fn head(&self, user: UserId) -> Result<Option<Head>, StorageError> {
    let head = self.inner.head(user).await?;
    Ok(head.map(|head| self.spoilt_head(head)))
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
    page.head = self.spoilt_head(page.head);
    match self.bug {
        Bug::TwoSnapshots => {
            let pause = std::time::Duration::from_millis(self.chance.between(0, 400));
            tokio::time::sleep(pause).await;
            if let Some(later) = self.inner.head(user).await? {
                page.head = later;
            }
        }
        Bug::CursorPastPage if page.has_more() => page.remaining = 0,
        Bug::OtherPersonsRecord if self.chance.happens(20) => self.add_strangers(user, &mut page).await?,
        Bug::StaleRead => self.turn_back(user, query, &mut page),
        _ => self.leave_out(user, &mut page).await?,
    }
    Ok(Some(page))
});

impl Planted {
    /// The first epoch that was ever seen, for a storage that keeps it.
    pub(super) async fn first_epoch(&self, user: UserId) -> Result<Option<Epoch>, StorageError> {
        if self.bug != Bug::EpochKept {
            return Ok(None);
        }
        let head = self.inner.head(user).await?;
        Ok(head.map(|head| self.spoilt_head(head).epoch))
    }

    fn spoilt_head(&self, mut head: Head) -> Head {
        match self.bug {
            Bug::EpochKept => head.epoch = Epoch::new(1),
            Bug::PurgeWithoutFloor => head.floor = Floor::NONE,
            _ => {}
        }
        head
    }

    /// Takes records out of a page, or changes what it says of them.
    async fn leave_out(&self, user: UserId, page: &mut Page) -> Result<(), StorageError> {
        if self.bug == Bug::EntryTombstoneLeftOut {
            let live = self.inner.habits(user, true).await?;
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

    /// Adds a record of the person whose page was read last.
    async fn add_strangers(&self, user: UserId, page: &mut Page) -> Result<(), StorageError> {
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
        let habits = self.inner.habits(stranger, true).await?;
        page.records
            .extend(habits.into_iter().next().map(Record::Habit));
        Ok(())
    }

    /// Gives out an older page for the same question, sometimes.
    fn turn_back(&self, user: UserId, query: DeltaQuery, page: &mut Page) {
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

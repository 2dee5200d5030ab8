//! The port over habits and entries.

use async_trait::async_trait;
use kanso_application::ports::storage::{
    Comparison, Decide, DeltaQuery, EntryFilter, Journal, RecordStore, SnapshotPiece,
    SnapshotQuery, StorageError, WriteOutcome,
};
use kanso_domain::entries::Entry;
use kanso_domain::habits::Habit;
use kanso_domain::sync::{Buckets, Changeset, Epoch, Head, LoadSet, Loaded, Page};
use kanso_domain::{EntryId, HabitId, Seq, UserId};
use rusqlite::Connection;

use crate::error::Failure;
use crate::writer::Effort;
use crate::{
    SqliteStorage, compare, delta, dirty, entries, graves, habits, journal, receipts, snapshot,
    users,
};

#[async_trait]
impl RecordStore for SqliteStorage {
    async fn write(
        &self,
        user: UserId,
        keys: LoadSet,
        decide: Decide,
    ) -> Result<WriteOutcome, StorageError> {
        let epoch = self.epoch;
        let effort = Effort::Records(keys.habits.len() + keys.entries.len());
        let work = move |connection: &Connection| {
            let Some(current) = load(connection, epoch, user, &keys)? else {
                return Ok(WriteOutcome::NoSuchUser);
            };
            let head = current.head;
            match decide(current) {
                Ok(changeset) => {
                    store(connection, user, head, &changeset)?;
                    Ok(WriteOutcome::Committed(changeset))
                }
                Err(refusal) => Ok(WriteOutcome::Refused(refusal)),
            }
        };
        Ok(self.writer.run(effort, work).await?)
    }

    async fn delta(&self, user: UserId, query: DeltaQuery) -> Result<Option<Page>, StorageError> {
        // Most who ask have seen everything, and learn so from one row.
        let Some(head) = self.head(user).await? else {
            return Ok(None);
        };
        if query.since.is_up_to_date(head) {
            return Ok(Some(Page::empty(head)));
        }
        let epoch = self.epoch;
        let read = move |connection: &Connection| delta::read(connection, epoch, user, query);
        Ok(self.readers.run(read).await?)
    }

    async fn head(&self, user: UserId) -> Result<Option<Head>, StorageError> {
        let read = |connection: &Connection| users::head(connection, self.epoch, user);
        Ok(self.readers.look_up(read).await?)
    }

    async fn heads(&self, users: &[UserId]) -> Result<Vec<(UserId, Seq)>, StorageError> {
        let users = users.to_vec();
        let read = move |connection: &Connection| users::heads(connection, &users);
        Ok(self.readers.run(read).await?)
    }

    async fn snapshot(
        &self,
        user: UserId,
        query: SnapshotQuery,
    ) -> Result<Option<SnapshotPiece>, StorageError> {
        let epoch = self.epoch;
        let read = move |connection: &Connection| snapshot::read(connection, epoch, user, query);
        Ok(self.readers.run(read).await?)
    }

    async fn compare(
        &self,
        user: UserId,
        replica: Buckets,
        limit: u32,
    ) -> Result<Option<Comparison>, StorageError> {
        let epoch = self.epoch;
        let read =
            move |connection: &Connection| compare::read(connection, epoch, user, &replica, limit);
        Ok(self.readers.run(read).await?)
    }

    async fn journal(
        &self,
        user: UserId,
        only: Option<&[HabitId]>,
    ) -> Result<Option<Journal>, StorageError> {
        let (epoch, only) = (self.epoch, only.map(<[_]>::to_vec));
        let read =
            move |connection: &Connection| journal::read(connection, epoch, user, only.as_deref());
        Ok(self.readers.run(read).await?)
    }

    async fn habit(&self, user: UserId, id: HabitId) -> Result<Option<Habit>, StorageError> {
        let read = move |connection: &Connection| habits::find_live(connection, user, id);
        Ok(self.readers.run(read).await?)
    }

    async fn habits(&self, user: UserId, archived_too: bool) -> Result<Vec<Habit>, StorageError> {
        let read = move |connection: &Connection| habits::list(connection, user, archived_too);
        Ok(self.readers.run(read).await?)
    }

    async fn entry(&self, user: UserId, id: EntryId) -> Result<Option<Entry>, StorageError> {
        let read = move |connection: &Connection| entries::find_live(connection, user, id);
        Ok(self.readers.run(read).await?)
    }

    async fn entries(&self, user: UserId, filter: EntryFilter) -> Result<Vec<Entry>, StorageError> {
        let read = move |connection: &Connection| entries::list(connection, user, &filter);
        Ok(self.readers.run(read).await?)
    }
}

/// What a write sees; `None` when there is no such account.
fn load(
    connection: &Connection,
    epoch: Epoch,
    user: UserId,
    keys: &LoadSet,
) -> Result<Option<Loaded>, Failure> {
    let Some((head, settings)) = users::head_and_settings(connection, epoch, user)? else {
        return Ok(None);
    };
    let mut current = Loaded {
        head,
        settings,
        habits: [].into(),
        entries: [].into(),
        purged_habits: [].into(),
        purged_entries: [].into(),
        receipts: [].into(),
    };
    for &op_id in &keys.receipts {
        let found = receipts::find(connection, user, op_id)?;
        current.receipts.extend(found.map(|found| (op_id, found)));
    }
    for &id in &keys.entries {
        let found = entries::find(connection, user, id)?;
        current.entries.extend(found.map(|found| (id, found)));
    }
    for &habit in &keys.entries_of {
        let live = entries::live_of(connection, user, habit)?;
        current
            .entries
            .extend(live.into_iter().map(|entry| (entry.id, entry)));
    }
    let of_entries = current.entries.values().map(|entry| entry.details.habit_id);
    let mut habit_ids = keys.habits.clone();
    habit_ids.extend(of_entries);
    for id in habit_ids {
        let found = habits::find(connection, user, id)?;
        current.habits.extend(found.map(|found| (id, found)));
    }
    if head.floor.seq > Seq::ZERO {
        load_graves(connection, user, keys, &mut current)?;
    }
    Ok(Some(current))
}

/// Those of the named records that are not there any more.
fn load_graves(
    connection: &Connection,
    user: UserId,
    keys: &LoadSet,
    current: &mut Loaded,
) -> Result<(), Failure> {
    for id in &keys.habits {
        if !current.habits.contains_key(id) && graves::is_buried(connection, user, id)? {
            current.purged_habits.insert(*id);
        }
    }
    for id in &keys.entries {
        if !current.entries.contains_key(id) && graves::is_buried(connection, user, id)? {
            current.purged_entries.insert(*id);
        }
    }
    Ok(())
}

/// Stores a changeset that was decided on at `before`. Habits come first: entries refer to them.
fn store(
    connection: &Connection,
    user: UserId,
    before: Head,
    changeset: &Changeset,
) -> Result<(), Failure> {
    for save in &changeset.habits {
        habits::save(connection, user, save)?;
    }
    for save in &changeset.entries {
        entries::save(connection, user, save)?;
    }
    for receipt in &changeset.receipts {
        receipts::insert(connection, user, receipt, changeset.head.changed_at)?;
    }
    for &habit in &changeset.stale_streaks {
        dirty::queue(connection, user, habit, changeset.head.changed_at)?;
    }
    let saved = changeset.habits.iter().map(|save| &save.record);
    for tombstone in saved.filter(|habit| habit.stamp.is_deleted()) {
        dirty::remove(connection, user, tombstone.id)?;
    }
    if changeset.head != before {
        users::set_head(connection, user, changeset.head)?;
    }
    Ok(())
}

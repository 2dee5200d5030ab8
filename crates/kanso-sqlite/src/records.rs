//! The port for habits and entries.

use std::sync::atomic::Ordering;

use async_trait::async_trait;
use kanso_application::ports::storage::{
    Comparison, Decide, DeltaQuery, EntryKey, EntryQuery, HabitQuery, Journal, RecordStore,
    SnapshotPiece, SnapshotQuery, StorageError, WriteOutcome,
};
use kanso_domain::entries::Entry;
use kanso_domain::habits::Habit;
use kanso_domain::sync::{Buckets, Changeset, Epoch, Head, LoadSet, Loaded, Page, Usage};
use kanso_domain::{EntryId, HabitId, Seq, UserId};
use rusqlite::Connection;

use crate::error::DatabaseError;
use crate::writer::WriteCost;
use crate::{
    SqliteStorage, compare, delta, entries, habits, journal, purged, receipts, snapshot,
    streak_queue, usage, users,
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
        // An estimate: the changeset is not known before the write runs.
        let cost = WriteCost::Records(keys.habits.len() + keys.entries.len());
        let work = move |connection: &Connection| {
            let Some(loaded) = load(connection, epoch, user, &keys)? else {
                return Ok(WriteOutcome::NoSuchUser);
            };
            let (head, usage) = (loaded.head, loaded.usage);
            match decide(loaded) {
                Ok(changeset) => {
                    store(connection, user, (head, usage), &changeset)?;
                    Ok(WriteOutcome::Committed(changeset))
                }
                Err(refusal) => Ok(WriteOutcome::Refused(refusal)),
            }
        };
        let outcome = self.writer.run(cost, work).await?;
        if matches!(&outcome, WriteOutcome::Committed(changeset) if changeset.erases_texts) {
            // The write-ahead log still has the pages from before. The next step of the erasure of
            // accounts empties it: a write of a user must not wait for that.
            self.has_erased.store(true, Ordering::Relaxed);
        }
        Ok(outcome)
    }

    async fn delta(&self, user: UserId, query: DeltaQuery) -> Result<Option<Page>, StorageError> {
        // Most devices that ask are up to date. One row answers them without a transaction.
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

    async fn shared_up_to(&self, user: UserId, epoch: Epoch) -> Result<Option<Seq>, StorageError> {
        let present = self.epoch;
        let read =
            move |connection: &Connection| users::shared_up_to(connection, present, user, epoch);
        Ok(self.readers.run(read).await?)
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

    async fn habits(&self, user: UserId, query: HabitQuery) -> Result<Vec<Habit>, StorageError> {
        let read = move |connection: &Connection| habits::list(connection, user, &query);
        Ok(self.readers.run(read).await?)
    }

    async fn entry(&self, user: UserId, id: EntryId) -> Result<Option<Entry>, StorageError> {
        let read = move |connection: &Connection| entries::find_live(connection, user, id);
        Ok(self.readers.run(read).await?)
    }

    async fn entry_keys(
        &self,
        user: UserId,
        query: EntryQuery,
    ) -> Result<Vec<EntryKey>, StorageError> {
        let read = move |connection: &Connection| entries::keys(connection, user, &query);
        Ok(self.readers.run(read).await?)
    }

    async fn entries(&self, user: UserId, ids: Vec<EntryId>) -> Result<Vec<Entry>, StorageError> {
        let read = move |connection: &Connection| entries::some_live(connection, user, &ids);
        Ok(self.readers.run(read).await?)
    }
}

/// Loads the records of a write; `None` if there is no such account.
fn load(
    connection: &Connection,
    epoch: Epoch,
    user: UserId,
    keys: &LoadSet,
) -> Result<Option<Loaded>, DatabaseError> {
    let Some(row) = users::for_write(connection, epoch, user)? else {
        return Ok(None);
    };
    let users::ForWrite { head, settings, .. } = row;
    let usage = match row.usage {
        Some(usage) => Ok(usage),
        None => usage::counted(connection, user),
    }?;
    let mut loaded = Loaded {
        head,
        settings,
        habits: [].into(),
        entries: [].into(),
        live_habits: 0,
        usage,
        own_quota: row.own_quota,
        purged_habits: [].into(),
        purged_entries: [].into(),
        first_entries: [].into(),
        receipts: [].into(),
    };
    for &op_id in &keys.receipts {
        let found = receipts::find(connection, user, op_id)?;
        loaded.receipts.extend(found.map(|found| (op_id, found)));
    }
    for &id in &keys.entries {
        let found = entries::find(connection, user, id)?;
        loaded.entries.extend(found.map(|found| (id, found)));
    }
    for &habit in &keys.entries_of {
        let live = entries::live_of(connection, user, habit)?;
        loaded
            .entries
            .extend(live.into_iter().map(|entry| (entry.id, entry)));
    }
    for &habit in &keys.first_entry_of {
        let first = entries::first_day_of(connection, user, habit)?;
        loaded.first_entries.extend(first.map(|day| (habit, day)));
    }
    let of_entries = loaded.entries.values().map(|entry| entry.details.habit_id);
    // A decision on an entry needs its habit, which only the entry names.
    let mut habit_ids = keys.habits.clone();
    habit_ids.extend(of_entries);
    for id in habit_ids {
        let found = habits::find(connection, user, id)?;
        loaded.habits.extend(found.map(|found| (id, found)));
    }
    if keys.counts_habits {
        loaded.live_habits = habits::count_live(connection, user)?;
    }
    // Every purge raises the floor, so a floor of zero means that nothing was purged yet.
    if head.floor.seq > Seq::ZERO {
        load_purged(connection, user, keys, &mut loaded)?;
    }
    Ok(Some(loaded))
}

/// Notes which of the named records were purged.
fn load_purged(
    connection: &Connection,
    user: UserId,
    keys: &LoadSet,
    loaded: &mut Loaded,
) -> Result<(), DatabaseError> {
    for id in &keys.habits {
        if !loaded.habits.contains_key(id) && purged::is_purged(connection, user, id)? {
            loaded.purged_habits.insert(*id);
        }
    }
    for id in &keys.entries {
        if !loaded.entries.contains_key(id) && purged::is_purged(connection, user, id)? {
            loaded.purged_entries.insert(*id);
        }
    }
    Ok(())
}

/// Stores a changeset that was decided on at `before`. Habits come first: the foreign key of an entry
/// refers to its habit.
fn store(
    connection: &Connection,
    user: UserId,
    before: (Head, Usage),
    changeset: &Changeset,
) -> Result<(), DatabaseError> {
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
        streak_queue::queue(connection, user, habit, changeset.head.changed_at)?;
    }
    let saved = changeset.habits.iter().map(|save| &save.record);
    for tombstone in saved.filter(|habit| habit.stamp.is_deleted()) {
        streak_queue::remove(connection, user, tombstone.id)?;
    }
    let (head, usage) = before;
    if changeset.head != head {
        users::set_head(connection, user, changeset.head, Some(changeset.usage))?;
    } else if changeset.usage != usage {
        // Only receipts were added.
        usage::set(connection, user, changeset.usage)?;
    }
    Ok(())
}

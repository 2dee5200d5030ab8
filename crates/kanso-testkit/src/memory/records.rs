//! Habits and entries in memory.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use kanso_application::ports::storage::{
    Decide, DeltaQuery, EntryFilter, Journal, RecordStore, Scope, StorageError, Written,
};
use kanso_domain::entries::{Completion, Entry};
use kanso_domain::habits::Habit;
use kanso_domain::record::Stamp;
use kanso_domain::sync::{Changeset, Current, Head, Keys, Page, Since};
use kanso_domain::{EntryId, HabitId, Record, UserId, Version};

use super::{MemoryStorage, Person};

#[async_trait]
impl RecordStore for MemoryStorage {
    async fn write(
        &self,
        user: UserId,
        keys: Keys,
        decide: Decide,
    ) -> Result<Written, StorageError> {
        let written = self.with_person(user, |person| {
            let changeset = match decide(person.current(&keys)) {
                Ok(changeset) => changeset,
                Err(refusal) => return Ok(Written::Refused(refusal)),
            };
            *person = person.changed(&changeset)?;
            Ok(Written::Committed(changeset))
        })?;
        written.unwrap_or(Ok(Written::NoSuchUser))
    }

    async fn delta(&self, user: UserId, query: DeltaQuery) -> Result<Option<Page>, StorageError> {
        self.with_person(user, |person| person.page(query))
    }

    async fn head(&self, user: UserId) -> Result<Option<Head>, StorageError> {
        self.with_person(user, |person| person.head)
    }

    async fn journal(
        &self,
        user: UserId,
        only: Option<&[HabitId]>,
    ) -> Result<Option<Journal>, StorageError> {
        self.with_person(user, |person| person.journal(only))
    }

    async fn habit(&self, user: UserId, id: HabitId) -> Result<Option<Habit>, StorageError> {
        let habit = self.with_person(user, |person| person.live_habit(id).cloned())?;
        Ok(habit.flatten())
    }

    async fn habits(&self, user: UserId, archived_too: bool) -> Result<Vec<Habit>, StorageError> {
        let habits = self.with_person(user, |person| person.listed(archived_too))?;
        Ok(habits.unwrap_or_default())
    }

    async fn entry(&self, user: UserId, id: EntryId) -> Result<Option<Entry>, StorageError> {
        let entry = self.with_person(user, |person| {
            let entry = person.entries.get(&id);
            entry.filter(|entry| person.shows(entry)).cloned()
        })?;
        Ok(entry.flatten())
    }

    async fn entries(&self, user: UserId, filter: EntryFilter) -> Result<Vec<Entry>, StorageError> {
        let entries = self.with_person(user, |person| {
            let listed = |entry: &&Entry| person.shows(entry) && lets_through(&filter, entry);
            let mut entries: Vec<_> = person.entries.values().filter(listed).cloned().collect();
            entries.sort_by_key(|entry| Reverse((entry.details.completion.instant(), entry.id)));
            entries
        })?;
        Ok(entries.unwrap_or_default())
    }
}

fn lets_through(filter: &EntryFilter, entry: &Entry) -> bool {
    let (instant, date) = (entry.details.completion.instant(), entry.details.local_date);
    let not_before = |bound| match bound {
        Completion::At(bound) => instant >= bound,
        Completion::Day(bound) => date >= bound,
    };
    let not_after = |bound| match bound {
        Completion::At(bound) => instant <= bound,
        Completion::Day(bound) => date <= bound,
    };
    filter
        .habit_id
        .is_none_or(|habit_id| entry.details.habit_id == habit_id)
        && filter.from.is_none_or(not_before)
        && filter.to.is_none_or(not_after)
}

impl Person {
    fn current(&self, keys: &Keys) -> Current {
        let entries = pick(&self.entries, &keys.entries);
        let mut habits = keys.habits.clone();
        habits.extend(entries.values().map(|entry| entry.details.habit_id));
        Current {
            head: self.head,
            settings: self.account.settings.clone(),
            habits: pick(&self.habits, &habits),
            entries,
            receipts: pick(&self.receipts, &keys.receipts),
        }
    }

    /// This person with a changeset applied, all of it or nothing.
    fn changed(&self, changeset: &Changeset) -> Result<Self, StorageError> {
        let mut changed = self.clone();
        for save in &changeset.habits {
            let replaced = changed.habits.insert(save.record.id, save.record.clone());
            expect_version(replaced.map(|habit| habit.stamp), save.replaces)?;
        }
        for save in &changeset.entries {
            let replaced = changed.entries.insert(save.record.id, save.record.clone());
            expect_version(replaced.map(|entry| entry.stamp), save.replaces)?;
        }
        let receipts = changeset.receipts.iter().cloned();
        let receipts = receipts.map(|receipt| (receipt.key.op_id, receipt));
        changed.receipts.extend(receipts);
        changed.head = changeset.head;
        for &habit in &changeset.stale_streaks {
            changed.queue(habit, changeset.head.changed_at);
        }
        let saved = changeset.habits.iter().map(|save| &save.record);
        for tombstone in saved.filter(|habit| habit.stamp.is_deleted()) {
            changed.queue.remove(tombstone.id);
        }
        Ok(changed)
    }

    pub(super) fn listed(&self, archived_too: bool) -> Vec<Habit> {
        let listed = |habit: &&Habit| {
            !habit.stamp.is_deleted() && (archived_too || habit.details.archived_at.is_none())
        };
        let mut habits: Vec<_> = self.habits.values().filter(listed).cloned().collect();
        habits.sort_by_key(|habit| {
            let newest = Reverse((habit.stamp.created_at, habit.id));
            (habit.details.sort_order, newest)
        });
        habits
    }

    fn page(&self, query: DeltaQuery) -> Page {
        let habits = self.habits.values().cloned().map(Record::Habit);
        let implied = |entry: &&Entry| self.live_habit(entry.details.habit_id).is_some();
        let entries = self.entries.values().filter(implied).cloned();
        let mut records: Vec<_> = habits
            .filter(|_| query.scope != Scope::Entries)
            .chain(
                entries
                    .map(Record::Entry)
                    .filter(|_| query.scope != Scope::Habits),
            )
            .filter(|record| is_since(query.since, record.stamp()))
            .collect();
        records.sort_by_key(|record| record.stamp().seq);
        let total = records.len();
        if let Some(limit) = query.limit {
            records.truncate(limit.try_into().unwrap());
        }
        Page {
            remaining: (total - records.len()) as u64,
            records,
            head: self.head,
        }
    }

    fn live_habit(&self, id: HabitId) -> Option<&Habit> {
        let habit = self.habits.get(&id);
        habit.filter(|habit| !habit.stamp.is_deleted())
    }

    fn shows(&self, entry: &Entry) -> bool {
        !entry.stamp.is_deleted() && self.live_habit(entry.details.habit_id).is_some()
    }
}

fn pick<K: Ord + Copy, V: Clone>(all: &BTreeMap<K, V>, keys: &BTreeSet<K>) -> BTreeMap<K, V> {
    let found = keys.iter().map(|key| (*key, all.get(key).cloned()));
    found
        .filter_map(|(key, value)| Some((key, value?)))
        .collect()
}

fn expect_version(replaced: Option<Stamp>, expected: Option<Version>) -> Result<(), StorageError> {
    if replaced.map(|stamp| stamp.version) == expected {
        Ok(())
    } else {
        Err(StorageError::Corrupt("another version is stored".into()))
    }
}

fn is_since(since: Since, stamp: &Stamp) -> bool {
    match since {
        Since::Beginning => !stamp.is_deleted(),
        Since::Position(seq) => stamp.seq > seq,
        Since::Instant(instant) => stamp.updated_at > instant,
    }
}

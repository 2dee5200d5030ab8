//! Habits and entries in memory.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use kanso_application::ports::storage::{
    Comparison, Decide, DeltaQuery, EntryFilter, EntryKey, EntryQuery, HabitKey, HabitQuery,
    Journal, RecordStore, Scope, SnapshotPiece, SnapshotQuery, StorageError, WriteOutcome,
};
use kanso_domain::entries::{Completion, Entry};
use kanso_domain::habits::Habit;
use kanso_domain::record::Stamp;
use kanso_domain::sync::{Buckets, Changeset, Epoch, Head, LoadSet, Loaded, Page, Since, Usage};
use kanso_domain::{Date, EntryId, HabitId, Record, Seq, UserId, Version};

use super::{MemoryStorage, UserData};

#[async_trait]
impl RecordStore for MemoryStorage {
    async fn write(
        &self,
        user: UserId,
        keys: LoadSet,
        decide: Decide,
    ) -> Result<WriteOutcome, StorageError> {
        let written = self.with_user(user, |data| {
            let changeset = match decide(data.current(&keys)) {
                Ok(changeset) => changeset,
                Err(refusal) => return Ok(WriteOutcome::Refused(refusal)),
            };
            // Assigned once everything has succeeded: a failed write changes nothing.
            *data = data.changed(&changeset)?;
            Ok(WriteOutcome::Committed(changeset))
        })?;
        written.unwrap_or(Ok(WriteOutcome::NoSuchUser))
    }

    async fn delta(&self, user: UserId, query: DeltaQuery) -> Result<Option<Page>, StorageError> {
        self.with_user(user, |data| data.page(query))
    }

    async fn head(&self, user: UserId) -> Result<Option<Head>, StorageError> {
        self.with_user(user, |data| data.head)
    }

    async fn shared_up_to(&self, user: UserId, epoch: Epoch) -> Result<Option<Seq>, StorageError> {
        self.with_user(user, |data| data.shared_up_to(epoch))
    }

    async fn heads(&self, users: &[UserId]) -> Result<Vec<(UserId, Seq)>, StorageError> {
        self.with(|state| {
            let head = |user: &UserId| Some((*user, state.users.get(user)?.head.seq));
            users.iter().filter_map(head).collect()
        })
    }

    async fn snapshot(
        &self,
        user: UserId,
        query: SnapshotQuery,
    ) -> Result<Option<SnapshotPiece>, StorageError> {
        self.with_user(user, |data| data.snapshot(query))
    }

    async fn compare(
        &self,
        user: UserId,
        replica: Buckets,
        limit: u32,
    ) -> Result<Option<Comparison>, StorageError> {
        self.with_user(user, |data| data.compare(&replica, limit))
    }

    async fn journal(
        &self,
        user: UserId,
        only: Option<&[HabitId]>,
    ) -> Result<Option<Journal>, StorageError> {
        self.with_user(user, |data| data.journal(only))
    }

    async fn habit(&self, user: UserId, id: HabitId) -> Result<Option<Habit>, StorageError> {
        let habit = self.with_user(user, |data| data.live_habit(id).cloned())?;
        Ok(habit.flatten())
    }

    async fn habits(&self, user: UserId, query: HabitQuery) -> Result<Vec<Habit>, StorageError> {
        let habits = self.with_user(user, |data| {
            let mut habits = data.listed(query.archived_too);
            let after = query.after.map(HabitKey::order);
            habits.retain(|habit| Some(HabitKey::of(habit).order()) > after);
            habits.truncate(most(query.limit));
            habits
        })?;
        Ok(habits.unwrap_or_default())
    }

    async fn entry(&self, user: UserId, id: EntryId) -> Result<Option<Entry>, StorageError> {
        let entry = self.with_user(user, |data| {
            let entry = data.entries.get(&id);
            entry.filter(|entry| data.shows(entry)).cloned()
        })?;
        Ok(entry.flatten())
    }

    async fn entry_keys(
        &self,
        user: UserId,
        query: EntryQuery,
    ) -> Result<Vec<EntryKey>, StorageError> {
        let keys = self.with_user(user, |data| {
            let listed = |entry: &&Entry| data.shows(entry) && lets_through(&query.filter, entry);
            let listed = data.entries.values().filter(listed);
            let mut keys: Vec<_> = listed.map(EntryKey::of).collect();
            keys.sort_by_key(|key| key.order());
            let after = query.after.map(EntryKey::order);
            keys.retain(|key| Some(key.order()) > after);
            keys.truncate(most(query.limit));
            keys
        })?;
        Ok(keys.unwrap_or_default())
    }

    async fn entries(&self, user: UserId, ids: Vec<EntryId>) -> Result<Vec<Entry>, StorageError> {
        let entries = self.with_user(user, |data| {
            let found = ids.iter().filter_map(|id| data.entries.get(id));
            found.filter(|entry| data.shows(entry)).cloned().collect()
        })?;
        Ok(entries.unwrap_or_default())
    }
}

fn most(limit: Option<u32>) -> usize {
    limit.map_or(usize::MAX, |limit| limit.try_into().unwrap_or(usize::MAX))
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
        // Both kinds of bounds compare with the stored value, never with a converted one.
        .is_none_or(|habit_id| entry.details.habit_id == habit_id)
        && filter.from.is_none_or(not_before)
        && filter.to.is_none_or(not_after)
}

impl UserData {
    fn current(&self, keys: &LoadSet) -> Loaded {
        let mut entries = pick(&self.entries, &keys.entries);
        let of_named = |entry: &&Entry| {
            keys.entries_of.contains(&entry.details.habit_id) && !entry.stamp.is_deleted()
        };
        let of_named = self.entries.values().filter(of_named);
        entries.extend(of_named.map(|entry| (entry.id, entry.clone())));
        // An edit of an entry depends on its habit, so the habit is loaded even if no operation
        // names it.
        let mut habits = keys.habits.clone();
        habits.extend(entries.values().map(|entry| entry.details.habit_id));
        Loaded {
            head: self.head,
            settings: self.account.settings.clone(),
            habits: pick(&self.habits, &habits),
            entries,
            live_habits: if keys.counts_habits {
                self.live_habits()
            } else {
                0
            },
            usage: self.usage(),
            own_quota: self.own_quota,
            purged_habits: keys
                .habits
                .intersection(&self.purged_habits)
                .copied()
                .collect(),
            purged_entries: keys
                .entries
                .intersection(&self.purged_entries)
                .copied()
                .collect(),
            first_entries: keys
                .first_entry_of
                .iter()
                .filter_map(|&habit| Some((habit, self.first_entry_of(habit)?)))
                .collect(),
            receipts: pick(&self.receipts, &keys.receipts)
                .into_iter()
                .map(|(id, (_, receipt))| (id, receipt))
                .collect(),
        }
    }

    /// Counts everything anew. So the contract compares the figures that a storage keeps with these.
    pub(super) fn usage(&self) -> Usage {
        let habits = self.habits.values().map(Usage::of_habit);
        let entries = self.entries.values().map(Usage::of_entry);
        let receipts = self.receipts.values();
        let receipts = receipts.map(|(_, receipt)| Usage::of_receipt(receipt));
        let all = habits.chain(entries).chain(receipts);
        all.fold(Usage::NONE, |sum, one| sum + one)
    }

    pub(super) fn live_habits(&self) -> u32 {
        let habits = self.habits.values();
        let live = habits.filter(|habit| !habit.stamp.is_deleted());
        u32::try_from(live.count()).unwrap_or(u32::MAX)
    }

    fn shared_up_to(&self, epoch: Epoch) -> Seq {
        let known = self.starts.iter().position(|(began, _)| *began == epoch);
        let Some(known) = known else {
            return Seq::ZERO;
        };
        let later = self.starts.iter().skip(known + 1).map(|(_, start)| *start);
        later.min().unwrap_or(self.head.seq)
    }

    fn first_entry_of(&self, habit: HabitId) -> Option<Date> {
        let of_habit =
            |entry: &&Entry| entry.details.habit_id == habit && !entry.stamp.is_deleted();
        let live = self.entries.values().filter(of_habit);
        live.map(|entry| entry.details.local_date).min()
    }

    /// Returns this user with a changeset applied, or an error. A copy is changed, so a failed
    /// write leaves no trace.
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
        let made_at = changeset.head.changed_at;
        let receipts = receipts.map(|receipt| (receipt.key.op_id, (made_at, receipt)));
        changed.receipts.extend(receipts);
        changed.head = changeset.head;
        // Queued in the same write, so that no change is without its job.
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
        habits.sort_by_key(|habit| HabitKey::of(habit).order());
        habits
    }

    fn page(&self, query: DeltaQuery) -> Page {
        let habits = self.habits.values().cloned().map(Record::Habit);
        let is_delivered = |entry: &&Entry| {
            entry.stamp.is_deleted() || self.live_habit(entry.details.habit_id).is_some()
        };
        let entries = self.entries.values().filter(is_delivered).cloned();
        let mut records: Vec<_> = habits
            .filter(|_| query.scope != Scope::Entries)
            .chain(
                entries
                    .map(Record::Entry)
                    .filter(|_| query.scope != Scope::Habits),
            )
            .filter(|record| is_since(query.since, self.head.seq, record.stamp()))
            .collect();
        records.sort_by_key(|record| record.stamp().seq);
        let total = records.len();
        if let Some(limit) = query.limit {
            records.truncate(limit.try_into().unwrap());
        }
        let settings = self.settings.clone().filter(|settings| match query.since {
            // Settings are not a kind of record, so a scope leaves them out.
            _ if query.scope != Scope::Everything => false,
            Since::Beginning => true,
            Since::Position(after) | Since::FirstPull { after, .. } => settings.seq > after,
            Since::Instant(instant) => settings.updated_at > instant,
        });
        let first_pull = match query.since {
            Since::Beginning => Some(self.head.seq),
            Since::FirstPull { began, .. } => Some(began),
            Since::Position(_) | Since::Instant(_) => None,
        };
        // Counted before the cut: a client shows progress with it.
        let remaining = (total - records.len()) as u64;
        Page::new(records, settings, self.head, remaining, first_pull)
    }

    pub(super) fn live_habit(&self, id: HabitId) -> Option<&Habit> {
        let habit = self.habits.get(&id);
        habit.filter(|habit| !habit.stamp.is_deleted())
    }

    pub(super) fn shows(&self, entry: &Entry) -> bool {
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

// A first pull leaves out tombstones, except those that were made after it began: the reader may
// already have the live record.
fn is_since(since: Since, head: Seq, stamp: &Stamp) -> bool {
    match since {
        Since::Beginning => !stamp.is_deleted() || stamp.seq > head,
        Since::FirstPull { after, began } => {
            stamp.seq > after && (!stamp.is_deleted() || stamp.seq > began)
        }
        Since::Position(seq) => stamp.seq > seq,
        Since::Instant(instant) => stamp.updated_at > instant,
    }
}

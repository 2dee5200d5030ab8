//! One write: what it must see, and what it leaves behind.

use std::collections::{BTreeMap, BTreeSet};

use super::{Action, Edit, Head, Operation, OperationOutcome, Page, Receipt};
use crate::accounts::Settings;
use crate::entries::Entry;
use crate::habits::Habit;
use crate::{EntryId, HabitId, OpId, Record, Seq, Version};

/// What a write must see. Loading an entry also loads its habit.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct LoadSet {
    /// Habits.
    pub habits: BTreeSet<HabitId>,
    /// Entries.
    pub entries: BTreeSet<EntryId>,
    /// Habits whose live entries must be seen too, all of them.
    pub entries_of: BTreeSet<HabitId>,
    /// Results of earlier operations.
    pub receipts: BTreeSet<OpId>,
}

impl LoadSet {
    /// What `operations` must see.
    pub fn of(operations: &[Operation]) -> Self {
        let mut load_set = Self::default();
        for operation in operations {
            load_set.receipts.extend(operation.key.map(|key| key.op_id));
            match &operation.action {
                Action::Habit(id, edit) => {
                    load_set.habits.insert(*id);
                    // A habit takes its entries with it, and brings them back.
                    if operation.policy.revive || matches!(edit, Edit::Delete { .. }) {
                        load_set.entries_of.insert(*id);
                    }
                }
                Action::Entry(id, edit) => {
                    load_set.entries.insert(*id);
                    if let Edit::Create(fields) = edit {
                        load_set.habits.extend(fields.habit_id);
                    }
                }
                Action::Increment(id, _) => {
                    load_set.entries.insert(*id);
                }
                Action::Unreadable(_) => {}
            }
        }
        load_set
    }
}

/// What a write sees: one user's state under the lock on that user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The newest change.
    pub head: Head,
    /// How the user's days are read.
    pub settings: Settings,
    /// Those of the named habits that exist, tombstones too.
    pub habits: BTreeMap<HabitId, Habit>,
    /// Those of the named entries that exist, tombstones too, and the live ones of the habits
    /// whose entries were asked for.
    pub entries: BTreeMap<EntryId, Entry>,
    /// Those of the named habits whose tombstones were purged.
    pub purged_habits: BTreeSet<HabitId>,
    /// Those of the named entries whose tombstones were purged.
    pub purged_entries: BTreeSet<EntryId>,
    /// Those of the named results that exist.
    pub receipts: BTreeMap<OpId, Receipt>,
}

/// A record to store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordWrite<R> {
    /// The record in its new state.
    pub record: R,
    /// The version that it replaces; none when the record is new. A store must refuse to replace
    /// another one.
    pub replaces: Option<Version>,
}

/// What a write leaves behind, all of it or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changeset {
    /// The newest change before.
    pub before: Seq,
    /// The newest change afterwards.
    pub head: Head,
    /// Habits to store, each once.
    pub habits: Vec<RecordWrite<Habit>>,
    /// Entries to store, each once.
    pub entries: Vec<RecordWrite<Entry>>,
    /// Habits whose streaks must be computed anew.
    pub stale_streaks: BTreeSet<HabitId>,
    /// Results to store.
    pub receipts: Vec<Receipt>,
    /// What became of each operation, in their order.
    pub outcomes: Vec<OperationOutcome>,
}

impl Changeset {
    /// The page of a device that had read everything up to `position`, if nobody else changed
    /// anything since: then it is what this write saved, and reading it back would find the same.
    pub fn page_after(&self, position: Seq, limit: u32) -> Option<Page> {
        if position != self.before {
            return None;
        }
        let deleted: BTreeSet<_> = self
            .habits
            .iter()
            .filter(|write| write.record.stamp.is_deleted())
            .map(|write| write.record.id)
            .collect();
        // A tombstone implies what is live of its habit; what was deleted before it is told.
        let is_implied =
            |entry: &Entry| !entry.stamp.is_deleted() && deleted.contains(&entry.details.habit_id);
        let habits = self
            .habits
            .iter()
            .map(|write| Record::Habit(write.record.clone()));
        let entries = self.entries.iter().map(|write| &write.record);
        let entries = entries
            .filter(|entry| !is_implied(entry))
            .cloned()
            .map(Record::Entry);
        let mut records: Vec<_> = habits.chain(entries).collect();
        records.sort_unstable_by_key(|record| record.stamp().seq);
        let fits = u32::try_from(records.len()).is_ok_and(|length| length <= limit);
        fits.then(|| Page::new(records, None, self.head, 0, None))
    }

    /// Whether there is nothing to store.
    pub const fn is_empty(&self) -> bool {
        self.habits.is_empty() && self.entries.is_empty() && self.receipts.is_empty()
    }
}

#[cfg(test)]
mod tests;

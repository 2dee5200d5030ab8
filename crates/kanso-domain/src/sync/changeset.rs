//! One write: the records that it needs, the state that it gets, and the changes that it makes.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::{Action, Edit, Head, Operation, OperationOutcome, OwnQuota, Page, Receipt, Usage};
use crate::accounts::Settings;
use crate::entries::Entry;
use crate::habits::{Habit, HabitFields};
use crate::{EntryId, HabitId, OpId, Record, Seq, Version};

/// The records and receipts that a write needs.
///
/// A storage that loads an entry also loads the habit of that entry.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct LoadSet {
    /// Habits to load.
    pub habits: BTreeSet<HabitId>,
    /// Entries to load.
    pub entries: BTreeSet<EntryId>,
    /// Habits of which all live entries are loaded too.
    pub entries_of: BTreeSet<HabitId>,
    /// Habits of which the day of the first live entry is loaded.
    pub first_entry_of: BTreeSet<HabitId>,
    /// True if the number of all live habits is loaded too.
    pub counts_habits: bool,
    /// Operations whose stored results are loaded.
    pub receipts: BTreeSet<OpId>,
}

impl LoadSet {
    /// Returns the records and receipts that `operations` need.
    pub fn of(operations: &[Operation]) -> Self {
        let mut load_set = Self::default();
        for operation in operations {
            load_set.receipts.extend(operation.key.map(|key| key.op_id));
            match &operation.action {
                Action::Habit(id, edit) => {
                    load_set.habits.insert(*id);
                    // Only these can add a live habit.
                    load_set.counts_habits |=
                        operation.policy.revive || matches!(edit, Edit::Create(_));
                    // A deletion removes the entries of the habit from the digest, and a revival
                    // adds them and delivers them again. Both need all of them, not only those that
                    // the operations name.
                    if operation.policy.revive || matches!(edit, Edit::Delete { .. }) {
                        load_set.entries_of.insert(*id);
                    }
                    // A new schedule leaves the days before it as they were judged, if there are any.
                    if edit.fields().is_some_and(HabitFields::has_goal) {
                        load_set.first_entry_of.insert(*id);
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

/// The state of one user that a write works on, loaded under the lock on that user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// Newest change of the user.
    pub head: Head,
    /// Settings by which instants become days.
    pub settings: Settings,
    /// The requested habits that exist, including tombstones.
    pub habits: BTreeMap<HabitId, Habit>,
    /// The requested entries that exist, including tombstones, and the live entries of the habits
    /// in [`LoadSet::entries_of`].
    pub entries: BTreeMap<EntryId, Entry>,
    /// Number of all live habits, if it was requested; otherwise 0.
    pub live_habits: u32,
    /// Usage of the account.
    pub usage: Usage,
    /// Bounds that the operator set for this account.
    pub own_quota: OwnQuota,
    /// The requested habits whose tombstones were purged.
    pub purged_habits: BTreeSet<HabitId>,
    /// The requested entries whose tombstones were purged.
    pub purged_entries: BTreeSet<EntryId>,
    /// Days of the first live entries of the habits in [`LoadSet::first_entry_of`] that have one.
    pub first_entries: BTreeMap<HabitId, Date>,
    /// The requested receipts that exist.
    pub receipts: BTreeMap<OpId, Receipt>,
}

/// A record to store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordWrite<R> {
    /// The record in its new state.
    pub record: R,
    /// Version of the record that it replaces; `None` for a new record.
    ///
    /// The storage must refuse to replace any other version.
    pub replaces: Option<Version>,
}

impl Loaded {
    /// Returns the state of a user without any record.
    pub const fn empty(head: Head, settings: Settings) -> Self {
        Self {
            head,
            settings,
            habits: BTreeMap::new(),
            entries: BTreeMap::new(),
            live_habits: 0,
            usage: Usage::NONE,
            own_quota: OwnQuota::NONE,
            purged_habits: BTreeSet::new(),
            purged_entries: BTreeSet::new(),
            first_entries: BTreeMap::new(),
            receipts: BTreeMap::new(),
        }
    }
}

/// The changes of one write, stored all together or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changeset {
    /// Newest change before the write.
    pub before: Seq,
    /// Newest change after the write.
    pub head: Head,
    /// Usage of the account after the write.
    pub usage: Usage,
    /// Habits to store, each at most once.
    pub habits: Vec<RecordWrite<Habit>>,
    /// Entries to store, each at most once.
    pub entries: Vec<RecordWrite<Entry>>,
    /// Habits whose streaks must be recomputed.
    pub stale_streaks: BTreeSet<HabitId>,
    /// Receipts to store.
    pub receipts: Vec<Receipt>,
    /// Outcome of each operation, in the order of the operations.
    pub outcomes: Vec<OperationOutcome>,
    /// True if texts were erased. No copy of them should remain in the files of the storage.
    pub erases_texts: bool,
}

impl Changeset {
    /// Returns the next page of a device that has read up to `position`, or `None` if the storage
    /// must be asked.
    ///
    /// If nothing changed between `position` and this write, the delta consists of the records of
    /// this write. A read of the storage would find the same records, so this saves it.
    pub fn page_after(&self, position: Seq, limit: u32) -> Option<Page> {
        // Only then are the records of this write all that the device has not read.
        if position != self.before {
            return None;
        }
        let deleted: BTreeSet<_> = self
            .habits
            .iter()
            .filter(|write| write.record.stamp.is_deleted())
            .map(|write| write.record.id)
            .collect();
        // The tombstone of a habit covers its live entries. Entries that were deleted earlier have
        // their own tombstones, and those are delivered.
        let is_covered =
            |entry: &Entry| !entry.stamp.is_deleted() && deleted.contains(&entry.details.habit_id);
        let habits = self
            .habits
            .iter()
            .map(|write| Record::Habit(write.record.clone()));
        let entries = self.entries.iter().map(|write| &write.record);
        let entries = entries
            .filter(|entry| !is_covered(entry))
            .cloned()
            .map(Record::Entry);
        let mut records: Vec<_> = habits.chain(entries).collect();
        // A page is in the order of positions, but habits and entries are stored apart. No two
        // records share a position, so an unstable sort is enough.
        records.sort_unstable_by_key(|record| record.stamp().seq);
        let fits = u32::try_from(records.len()).is_ok_and(|length| length <= limit);
        // The settings are not part of a write of records, and a change of them has a position of
        // its own. Since `position` is the head before this write, the device has read them.
        fits.then(|| Page::new(records, None, self.head, 0, None))
    }

    /// Returns true if there is nothing to store.
    pub const fn is_empty(&self) -> bool {
        self.habits.is_empty() && self.entries.is_empty() && self.receipts.is_empty()
    }
}

#[cfg(test)]
mod tests;

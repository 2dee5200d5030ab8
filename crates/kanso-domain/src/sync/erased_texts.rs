//! Erasing the texts of tombstones.

use std::collections::BTreeSet;

use super::editable::Editable;
use super::{Changeset, Head, Loaded, RecordWrite, Usage};
use crate::{HabitId, Timestamp};

/// Erases the texts of the loaded entries and of `habits`, if they were deleted before `before`. An entry
/// counts as deleted with its habit. Other records stay as they are: they may have been revived meanwhile.
///
/// A habit that is loaded only because of an entry keeps its texts: more of its entries may have notes.
///
/// A record keeps its version, because nothing was edited, and gets a new position, so that the devices
/// erase their copies too.
pub fn erase_texts(
    loaded: Loaded,
    habits: &BTreeSet<HabitId>,
    before: Timestamp,
    now: Timestamp,
) -> Changeset {
    let mut erasure = Erasure {
        head: loaded.head,
        usage: loaded.usage,
        now,
    };
    let is_old = |deleted_at: Option<Timestamp>| deleted_at.is_some_and(|at| at < before);
    let mut entries = Vec::new();
    for entry in loaded.entries.into_values() {
        let habit = loaded.habits.get(&entry.details.habit_id);
        let of_habit = habit.and_then(|habit| habit.stamp.deleted_at);
        if is_old(entry.stamp.deleted_at) || is_old(of_habit) {
            entries.extend(erasure.erase(entry));
        }
    }
    let named = loaded
        .habits
        .into_values()
        .filter(|it| habits.contains(&it.id));
    let old = named.filter(|habit| is_old(habit.stamp.deleted_at));
    let habits: Vec<_> = old.filter_map(|habit| erasure.erase(habit)).collect();
    Changeset {
        erases_texts: !habits.is_empty() || !entries.is_empty(),
        before: loaded.head.seq,
        head: erasure.head,
        usage: erasure.usage,
        habits,
        entries,
        stale_streaks: [].into(),
        receipts: Vec::new(),
        outcomes: Vec::new(),
    }
}

struct Erasure {
    head: Head,
    usage: Usage,
    now: Timestamp,
}

impl Erasure {
    /// Returns the record without its texts; `None` if it has none.
    fn erase<R: Editable>(&mut self, record: R) -> Option<RecordWrite<R>> {
        if !record.has_texts() {
            return None;
        }
        self.head = self.head.advanced(self.now);
        let replaces = Some(record.stamp().version);
        let stamp = record
            .stamp()
            .sent_again(self.head.seq, self.head.changed_at);
        let with_texts = record.usage();
        let record = record.without_texts().stamped(stamp);
        self.usage = self.usage - with_texts + record.usage();
        Some(RecordWrite { record, replaces })
    }
}

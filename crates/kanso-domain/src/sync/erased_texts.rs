//! Erasing the texts of tombstones.

use super::editable::Editable;
use super::{Changeset, Head, Loaded, RecordWrite, Usage};
use crate::Timestamp;

/// Erases the texts of the loaded tombstones from before `before`, and of the loaded entries whose habit
/// was deleted before that. Other records stay as they are: they may have been revived meanwhile.
///
/// A record keeps its version, because nothing was edited, and gets a new position, so that the devices
/// erase their copies too.
pub fn erase_texts(loaded: Loaded, before: Timestamp, now: Timestamp) -> Changeset {
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
    let mut habits = Vec::new();
    for habit in loaded.habits.into_values() {
        if is_old(habit.stamp.deleted_at) {
            habits.extend(erasure.erase(habit));
        }
    }
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

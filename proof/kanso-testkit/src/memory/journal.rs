//! Journals in memory.

use kanso_application::ports::storage::{Journal, JournalEntry};
use kanso_domain::HabitId;
use kanso_domain::entries::Entry;

use super::UserData;

impl UserData {
    pub(super) fn journal(&self, only: Option<&[HabitId]>) -> Journal {
        let mut habits = self.listed(true);
        habits.retain(|listed| only.is_none_or(|only| only.contains(&listed.id)));
        let of = |habit: HabitId| {
            let entries = self.entries.values();
            let of_habit =
                |entry: &&Entry| entry.details.habit_id == habit && !entry.stamp.is_deleted();
            let mut entries: Vec<_> = entries.filter(of_habit).map(without_notes).collect();
            // A stable sort: entries of one day stay in the order of their ids.
            entries.sort_by_key(|entry| entry.local_date);
            (habit, entries)
        };
        Journal {
            head: self.head,
            settings: self.account.settings.clone(),
            entries: habits.iter().map(|habit| of(habit.id)).collect(),
            habits,
        }
    }
}

const fn without_notes(entry: &Entry) -> JournalEntry {
    JournalEntry {
        completion: entry.details.completion,
        local_date: entry.details.local_date,
        kind: entry.details.kind,
        value: entry.details.value,
    }
}

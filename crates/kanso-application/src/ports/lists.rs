//! Lists of live records, in keyset pages.
//!
//! A page begins after the key of the last record of the page before, and never at a number of
//! records. So a record that is written or deleted between two pages moves no other one.

use std::cmp::Reverse;

use kanso_domain::entries::{Completion, Entry};
use kanso_domain::habits::Habit;
use kanso_domain::{EntryId, HabitId, Timestamp};

/// A filter of live entries. Bounds are inclusive. An instant is compared with the completion, a
/// date with the local date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct EntryFilter {
    /// Habit of the entries.
    pub habit_id: Option<HabitId>,
    /// Lower bound.
    pub from: Option<Completion>,
    /// Upper bound.
    pub to: Option<Completion>,
}

/// The place of an entry in a list: newest completion first, then by id, descending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryKey {
    /// Time of the completion. A date counts as its midnight in UTC.
    pub completion: Timestamp,
    /// Id.
    pub id: EntryId,
}

impl EntryKey {
    /// Returns the key of an entry.
    pub fn of(entry: &Entry) -> Self {
        Self {
            completion: entry.details.completion.instant(),
            id: entry.id,
        }
    }

    /// Returns a value that sorts keys in the order of a list.
    pub fn order(self) -> impl Ord {
        Reverse((self.completion, self.id))
    }
}

/// A query for the keys of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct EntryQuery {
    /// Filter.
    pub filter: EntryFilter,
    /// Last key of the page before; `None` for the first page.
    pub after: Option<EntryKey>,
    /// Most keys; `None` for all.
    pub limit: Option<u32>,
}

impl From<EntryFilter> for EntryQuery {
    fn from(filter: EntryFilter) -> Self {
        Self {
            filter,
            ..Self::default()
        }
    }
}

/// The place of a habit in a list: by `sort_order`, then newest first (by creation, then id,
/// descending).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HabitKey {
    /// Position that the user chose.
    pub sort_order: i32,
    /// Time of the creation.
    pub created_at: Timestamp,
    /// Id.
    pub id: HabitId,
}

impl HabitKey {
    /// Returns the key of a habit.
    pub const fn of(habit: &Habit) -> Self {
        Self {
            sort_order: habit.details.sort_order,
            created_at: habit.stamp.created_at,
            id: habit.id,
        }
    }

    /// Returns a value that sorts keys in the order of a list.
    pub fn order(self) -> impl Ord {
        (self.sort_order, Reverse((self.created_at, self.id)))
    }
}

/// A query for habits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct HabitQuery {
    /// True if archived habits are listed too.
    pub archived_too: bool,
    /// Last key of the page before; `None` for the first page.
    pub after: Option<HabitKey>,
    /// Most habits; `None` for all.
    pub limit: Option<u32>,
}

impl HabitQuery {
    /// Returns the query for all live habits.
    pub const fn all(archived_too: bool) -> Self {
        Self {
            archived_too,
            after: None,
            limit: None,
        }
    }
}

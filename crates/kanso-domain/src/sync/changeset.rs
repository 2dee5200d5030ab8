//! One write: what it must see, and what it leaves behind.

use std::collections::{BTreeMap, BTreeSet};

use super::{Action, Command, Head, OperationOutcome, Receipt, Submission};
use crate::accounts::Settings;
use crate::entries::Entry;
use crate::habits::Habit;
use crate::{EntryId, HabitId, OpId, Version};

/// What a write must see. Loading an entry also loads its habit.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Keys {
    /// Habits.
    pub habits: BTreeSet<HabitId>,
    /// Entries.
    pub entries: BTreeSet<EntryId>,
    /// Results of earlier operations.
    pub receipts: BTreeSet<OpId>,
}

impl Keys {
    /// What `submissions` must see.
    pub fn of(submissions: &[Submission]) -> Self {
        let mut keys = Self::default();
        for submission in submissions {
            keys.receipts.extend(submission.key.map(|key| key.op_id));
            match &submission.command {
                Command::Habit(id, _) => {
                    keys.habits.insert(*id);
                }
                Command::Entry(id, action) => {
                    keys.entries.insert(*id);
                    if let Action::Create(fields) = action {
                        keys.habits.extend(fields.habit_id);
                    }
                }
                Command::Unreadable(_) => {}
            }
        }
        keys
    }
}

/// What a write sees: one user's state under the lock on that user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Current {
    /// The newest change.
    pub head: Head,
    /// How the user's days are read.
    pub settings: Settings,
    /// Those of the named habits that exist, tombstones too.
    pub habits: BTreeMap<HabitId, Habit>,
    /// Those of the named entries that exist, tombstones too.
    pub entries: BTreeMap<EntryId, Entry>,
    /// Those of the named results that exist.
    pub receipts: BTreeMap<OpId, Receipt>,
}

/// A record to store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Save<R> {
    /// The record in its new state.
    pub record: R,
    /// The version that it replaces; none when the record is new. A store must refuse to replace
    /// another one.
    pub replaces: Option<Version>,
}

/// What a write leaves behind, all of it or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changeset {
    /// The newest change afterwards.
    pub head: Head,
    /// Habits to store, each once.
    pub habits: Vec<Save<Habit>>,
    /// Entries to store, each once.
    pub entries: Vec<Save<Entry>>,
    /// Habits whose streaks must be computed anew.
    pub stale_streaks: BTreeSet<HabitId>,
    /// Results to store.
    pub receipts: Vec<Receipt>,
    /// What became of each submission, in their order.
    pub outcomes: Vec<OperationOutcome>,
}

impl Changeset {
    /// Whether there is nothing to store.
    pub const fn is_empty(&self) -> bool {
        self.habits.is_empty() && self.entries.is_empty() && self.receipts.is_empty()
    }
}

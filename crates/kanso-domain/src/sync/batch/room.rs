//! The room that an account has left.

use super::Batch;
use crate::sync::{Action, Edit, ExceededQuota, Head, Usage};

/// A point to which the records and the head can return.
pub(super) struct Mark {
    habits: usize,
    entries: usize,
    head: Head,
    usage: Usage,
}

impl Batch {
    pub(super) fn mark(&self) -> Mark {
        Mark {
            habits: self.habits.mark(),
            entries: self.entries.mark(),
            head: self.stamper.head,
            usage: self.usage(),
        }
    }

    /// Undoes every change of a record since `mark`.
    pub(super) fn roll_back_to(&mut self, mark: &Mark) {
        self.habits.roll_back_to(mark.habits);
        self.entries.roll_back_to(mark.entries);
        self.stamper.head = mark.head;
    }

    /// Returns what the account stores in its present state.
    pub(super) fn usage(&self) -> Usage {
        self.unloaded_usage + self.habits.usage() + self.entries.usage() + self.new_receipt_usage
    }

    /// Returns the number of live habits that are not loaded, of `all` that are stored.
    pub(super) fn unloaded(&self, all: u32) -> usize {
        let all = usize::try_from(all).unwrap_or(usize::MAX);
        all.saturating_sub(self.loaded_live_habits())
    }

    /// Returns true if `action` is about a habit, and this habit is live.
    pub(super) fn has_live_habit(&self, action: &Action) -> bool {
        let Action::Habit(id, _) = action else {
            return false;
        };
        let habit = self.habits.records.get(id);
        habit.is_some_and(|habit| !habit.stamp.is_deleted())
    }

    /// Returns the quota that the account exceeds by its changes since `before`. `adds_live_habit` is
    /// true if they made a habit live.
    pub(super) fn exceeded_quota(
        &self,
        before: &Mark,
        adds_live_habit: bool,
    ) -> Option<ExceededQuota> {
        let limit = self.quota.live_habits;
        let has_too_many = || {
            let live = self.unloaded_habits + self.loaded_live_habits();
            usize::try_from(limit).is_ok_and(|limit| live > limit)
        };
        if adds_live_habit && has_too_many() {
            return Some(ExceededQuota::LiveHabits { limit });
        }
        self.quota.exceeded(before.usage, self.usage())
    }

    /// Returns the quota that the receipt of one more operation exceeds.
    ///
    /// The deletion of a live record, or of the texts of a tombstone, is always carried out, or a full
    /// account could not be emptied. Each uses up a record or its texts, so their receipts are bounded
    /// too.
    pub(super) fn exceeded_by_a_receipt(&self, action: &Action) -> Option<ExceededQuota> {
        let deletes = match action {
            Action::Habit(id, Edit::Delete { erases_texts, .. }) => {
                let habit = self.habits.records.get(id);
                habit.is_some_and(|habit| {
                    !habit.stamp.is_deleted() || (*erases_texts && habit.details.has_texts())
                })
            }
            Action::Entry(id, Edit::Delete { erases_texts, .. }) => {
                let entry = self.entries.records.get(id);
                entry.is_some_and(|entry| {
                    !entry.stamp.is_deleted() || (*erases_texts && entry.details.has_texts())
                })
            }
            _ => false,
        };
        let exceeded = || self.quota.exceeded_by_a_receipt(self.usage());
        if deletes { None } else { exceeded() }
    }

    /// Counted anew each time: a count that is kept would have to follow each rollback.
    fn loaded_live_habits(&self) -> usize {
        let habits = self.habits.records.values();
        habits.filter(|habit| !habit.stamp.is_deleted()).count()
    }
}

//! The room that an account has left.

use super::Batch;
use crate::HabitId;
use crate::sync::ExceededQuota;

impl Batch {
    /// Returns the number of live habits that are not loaded, of `all` that are stored.
    pub(super) fn unloaded(&self, all: u32) -> usize {
        let all = usize::try_from(all).unwrap_or(usize::MAX);
        all.saturating_sub(self.loaded_live_habits())
    }

    pub(super) fn is_live(&self, id: HabitId) -> bool {
        let habit = self.habits.records.get(&id);
        habit.is_some_and(|habit| !habit.stamp.is_deleted())
    }

    /// Returns the quota that the account exceeds in its present state.
    pub(super) fn exceeded_quota(&self) -> Option<ExceededQuota> {
        let limit = self.quota.live_habits;
        let live = self.unloaded_habits + self.loaded_live_habits();
        let is_exceeded = usize::try_from(limit).is_ok_and(|limit| live > limit);
        is_exceeded.then_some(ExceededQuota::LiveHabits { limit })
    }

    /// Counted anew each time: a count that is kept would have to follow each rollback.
    fn loaded_live_habits(&self) -> usize {
        let habits = self.habits.records.values();
        habits.filter(|habit| !habit.stamp.is_deleted()).count()
    }
}

//! The state of a habit today, for widgets, lists of the day and reminders.

use crate::habits::TargetDirection;

use super::{HabitProgress, Streak, UnitState};

/// The states of a habit today.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TodayState {
    /// The target is met.
    Done,
    /// The habit is due, and the target is not met yet.
    Pending,
    /// A limit that was not exceeded so far.
    Within,
    /// A limit that was exceeded.
    Exceeded,
    /// A day off.
    Skip,
    /// The habit is not due: it is not scheduled, or this week or window is done.
    NotDue,
}

impl TodayState {
    /// Every state.
    pub const ALL: [Self; 6] = [
        Self::Done,
        Self::Pending,
        Self::Within,
        Self::Exceeded,
        Self::Skip,
        Self::NotDue,
    ];

    /// Returns the stable name of the state, as the protocol uses it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Pending => "pending",
            Self::Within => "within",
            Self::Exceeded => "exceeded",
            Self::Skip => "skip",
            Self::NotDue => "not_due",
        }
    }
}

/// The status of a habit today.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TodayStatus {
    /// State.
    pub state: TodayState,
    /// Sum of the values of today in thousandths.
    pub value: i64,
    /// Streak.
    pub streak: Streak,
    /// True if the streak ends unless something is done today.
    pub is_at_risk: bool,
}

impl HabitProgress<'_> {
    /// Returns the status of the habit today.
    pub fn today_status(&self) -> TodayStatus {
        let (state, streak) = (self.state(), self.streak());
        TodayStatus {
            state,
            value: self.log().total(self.today()).sum,
            streak,
            // A weekly habit is pending all week, but only at risk on the last day on which it can
            // still be done.
            is_at_risk: state == TodayState::Pending && streak.at_risk_until == Some(self.today()),
        }
    }

    /// Returns the state of the habit today.
    ///
    /// A recorded amount counts even if the habit is not due. A limit is never done today, because
    /// it can be exceeded until the day is over.
    fn state(&self) -> TodayState {
        let total = self.log().total(self.today());
        let target = self.habit.details.target();
        let is_limit = target.direction() == TargetDirection::AtMost;
        match self.unit_today().map(|unit| unit.state) {
            // A target that is met comes first, even on a day off or outside of the schedule: done
            // beats skip.
            _ if !is_limit && total.is_recorded && total.meets(target) => TodayState::Done,
            _ if total.is_skipped => TodayState::Skip,
            None | Some(UnitState::Neutral(_)) => TodayState::NotDue,
            Some(_) if is_limit && total.meets(target) => TodayState::Within,
            Some(_) if is_limit => TodayState::Exceeded,
            // The week or window is done without an entry of today.
            Some(UnitState::Done) => TodayState::NotDue,
            Some(UnitState::Pending | UnitState::Missed) => TodayState::Pending,
        }
    }
}

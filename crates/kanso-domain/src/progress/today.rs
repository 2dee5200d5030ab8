//! What a habit is today: what a widget, a list for the day and a reminder ask.

use crate::habits::TargetDirection;

use super::{HabitProgress, Streak, UnitState};

/// What a habit is today.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TodayState {
    /// The target is met.
    Done,
    /// It is asked for, and not met yet.
    Pending,
    /// A limit that was not passed so far.
    Within,
    /// A limit that was passed.
    Exceeded,
    /// A day off.
    Skip,
    /// Nothing is asked for: it is not scheduled, or this week or window is done already.
    NotDue,
}

impl TodayState {
    /// The wire name.
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

/// How a habit stands today.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TodayStatus {
    /// What it is.
    pub state: TodayState,
    /// What was recorded today, in thousandths.
    pub value: i64,
    /// The streak.
    pub streak: Streak,
    /// Whether the streak ends unless something is done today.
    pub is_at_risk: bool,
}

impl HabitProgress<'_> {
    /// How the habit stands today.
    pub fn today_status(&self) -> TodayStatus {
        let (state, streak) = (self.state(), self.streak());
        TodayStatus {
            state,
            value: self.log().total(self.today()).sum,
            streak,
            is_at_risk: state == TodayState::Pending && streak.at_risk_until == Some(self.today()),
        }
    }

    /// An amount that was recorded counts also where nothing was asked for. Of a limit nothing is
    /// certain before the day is over, so it is never done today.
    fn state(&self) -> TodayState {
        let total = self.log().total(self.today());
        let target = self.habit.details.target();
        let is_limit = target.direction() == TargetDirection::AtMost;
        match self.unit_today().map(|unit| unit.state) {
            _ if !is_limit && total.is_recorded && total.meets(target) => TodayState::Done,
            _ if total.is_skipped => TodayState::Skip,
            None | Some(UnitState::Neutral(_)) => TodayState::NotDue,
            Some(_) if is_limit && total.meets(target) => TodayState::Within,
            Some(_) if is_limit => TodayState::Exceeded,
            Some(UnitState::Done) => TodayState::NotDue,
            Some(UnitState::Pending | UnitState::Missed) => TodayState::Pending,
        }
    }
}

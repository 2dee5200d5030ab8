//! The heatmap: one cell a civil date.

use jiff::civil::Date;

use crate::Quantity;
use crate::calendar::DayNumber;
use crate::habits::{HabitType, Schedule, TargetDirection};

use super::day_log::DayTotal;
use super::{DayLog, Plan};

/// One date of a habit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The date.
    pub date: Date,
    /// What it was.
    pub state: CellState,
    /// The sum of what was recorded, in thousandths.
    pub value: i64,
    /// The target in force on that date.
    pub target: Quantity,
    /// How much of the target was reached: 0 nothing, 4 all of it.
    pub level: u8,
}

/// What a date was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellState {
    /// The target was met.
    Done,
    /// Something was recorded, and the target was not met.
    Partial,
    /// It was due, is over, and nothing was recorded.
    Missed,
    /// A day off.
    Skip,
    /// Nothing was asked for.
    NotDue,
    /// Today: still open.
    Open,
    /// Outside of the habit's days.
    None,
}

impl CellState {
    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Partial => "partial",
            Self::Missed => "missed",
            Self::Skip => "skip",
            Self::NotDue => "not_due",
            Self::Open => "open",
            Self::None => "none",
        }
    }
}

/// The cells of the dates from `from` to `to`, inclusive. A date that the clocks were set past
/// has none: such a week has six.
///
/// A day is judged by itself: on a weekly or an interval schedule, where any day may be the one,
/// a day without a record is not due rather than missed.
pub fn heatmap(plan: &Plan, log: &DayLog, today: Date, from: Date, to: Date) -> Vec<Cell> {
    let today = DayNumber::of(today);
    let mut days = log.reader();
    let range = DayNumber::of(from).through(DayNumber::of(to));
    range
        .filter(|day| plan.exists(*day))
        .map(|day| cell(plan, day, today, days.on(day)))
        .collect()
}

fn cell(plan: &Plan, day: DayNumber, today: DayNumber, total: DayTotal) -> Cell {
    let date = day.date();
    let version = plan.version_on(date);
    let target = version.target;
    let is_limit = target.direction() == TargetDirection::AtMost;
    let is_due = match version.schedule {
        Schedule::Daily => true,
        Schedule::SpecificDays { weekdays } => weekdays.contains(day.weekday()),
        Schedule::Weekly { .. } | Schedule::Interval { .. } => false,
    };
    let is_met = total.meets(target) && (total.is_recorded || (is_limit && is_due));
    let state = if !plan.contains(day) || plan.neutral_reason(day).is_some() || day > today {
        CellState::None
    } else if is_met && (!is_limit || day < today) && (total.is_recorded || !total.is_skipped) {
        CellState::Done
    } else if total.is_skipped {
        CellState::Skip
    } else if day == today {
        CellState::Open
    } else if total.sum > 0 {
        CellState::Partial
    } else if is_due {
        CellState::Missed
    } else {
        CellState::NotDue
    };
    Cell {
        date,
        state,
        value: total.sum,
        target: target.value(),
        level: level(plan, day, total),
    }
}

/// The part of the target that was reached, in quarters rounded down; anything at all is 1.
fn level(plan: &Plan, day: DayNumber, total: DayTotal) -> u8 {
    let target = plan.version_on(day.date()).target;
    let goal = target.value().thousandths();
    let amount = if target.kind() == HabitType::Boolean {
        total.largest
    } else {
        total.sum
    };
    if amount == 0 {
        return 0;
    }
    if amount >= goal {
        return 4;
    }
    let quarters = amount.saturating_mul(4) / goal;
    quarters.clamp(1, 4).unsigned_abs().to_le_bytes()[0]
}

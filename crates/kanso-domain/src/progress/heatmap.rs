//! The heatmap: one cell for each civil date.

use jiff::civil::Date;

use crate::Quantity;
use crate::calendar::DayNumber;
use crate::habits::{HabitType, Schedule, TargetDirection};

use super::day_log::DayTotal;
use super::{DayLog, Plan};

/// One date of a habit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Date.
    pub date: Date,
    /// State of the date.
    pub state: CellState,
    /// Sum of the recorded values in thousandths.
    pub value: i64,
    /// Target in force on the date.
    pub target: Quantity,
    /// Reached part of the target: 0 for nothing, 4 for all of it.
    pub level: u8,
}

/// The states of a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellState {
    /// The target was met.
    Done,
    /// Something was recorded, but the target was not met.
    Partial,
    /// The date was due and is over, and nothing was recorded.
    Missed,
    /// A day off.
    Skip,
    /// The date was not due.
    NotDue,
    /// Today, still open.
    Open,
    /// The date is outside of the active days of the habit.
    None,
}

impl CellState {
    /// Returns the stable name of the state, as the protocol uses it.
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

/// Returns the cells of the dates from `from` to `to`, inclusive.
///
/// A date that the clocks were set past has no cell, so its week has six.
///
/// Each day is evaluated on its own. With a weekly or an interval schedule any day can be the one,
/// so a day without an entry is not due and never missed.
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
    // Without an entry the sum is 0, which meets every limit. That counts as kept only on a day on
    // which the limit was due.
    let is_met = total.meets(target) && (total.is_recorded || (is_limit && is_due));
    let is_archived = plan.is_archived(day);
    let asks_for_nothing = is_archived || total.is_skipped;
    // The order decides between states that overlap, for example a day off with an amount.
    let state = if !plan.contains(day) || day > today {
        CellState::None
    } else if is_met && (!is_limit || day < today) && (total.is_recorded || !asks_for_nothing) {
        CellState::Done
    } else if is_archived {
        CellState::None
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

/// Returns the reached part of the target in quarters, rounded down. Any amount above 0 is at least
/// 1.
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
    // Before the division: a limit of 0 has a goal of 0.
    if amount >= goal {
        return 4;
    }
    let quarters = amount.saturating_mul(4) / goal;
    quarters.clamp(1, 4).unsigned_abs().to_le_bytes()[0]
}

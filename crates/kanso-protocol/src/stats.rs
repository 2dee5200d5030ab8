//! Statistics: streaks, rates, cells and totals.

mod habits;
mod weekly;

pub use habits::{
    HabitCells, HabitGlanceRecord, HabitStatsResponse, HabitTodayRecord, HeatmapResponse,
    OverviewResponse, TodayResponse,
};
pub use weekly::{DayProgress, HabitWeekRecord, WeeklyResponse};

use kanso_domain::Quantity;
use kanso_domain::progress::{Cell, PeriodTotal, Rate, Streak, Unit, UnitState};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Converts thousandths to an amount.
///
/// A sum over many entries can pass the maximum of a single amount; it is capped there.
fn amount(thousandths: i64) -> Quantity {
    // Entries are never negative; the lower bound only makes the conversion total.
    Quantity::from_thousandths(thousandths.max(0)).unwrap_or(Quantity::MAX)
}

/// Returns the rate in percent, rounded to two decimals.
fn percent(rate: Rate) -> Option<f64> {
    rate.percent()
        // 83.33 and not 83.33333333333334: clients show the number as it is.
        .map(|percent| (percent * 100.0).round() / 100.0)
}

/// Number of units done in a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "current": 5, "longest": 12, "unit": "day", "since": "2026-11-18",
    "at_risk_until": "2026-11-22"
}))]
pub struct StreakRecord {
    /// Length of the current streak, in units. A unit that is still open does not break it.
    pub current: u32,
    /// Length of the longest streak, in units.
    pub longest: u32,
    /// Unit that is counted: `day`, `week` or `window`.
    pub unit: String,
    /// First day of the current streak, `YYYY-MM-DD`. `null` if the streak is 0.
    #[schema(format = Date)]
    pub since: Option<String>,
    /// Last day on which an entry can still save the streak, `YYYY-MM-DD`. `null` if no unit is open.
    #[schema(format = Date)]
    pub at_risk_until: Option<String>,
}

impl From<Streak> for StreakRecord {
    fn from(streak: Streak) -> Self {
        Self {
            current: streak.current,
            longest: streak.longest,
            unit: streak.unit.as_str().to_owned(),
            since: streak.since.map(|date| date.to_string()),
            at_risk_until: streak.at_risk_until.map(|date| date.to_string()),
        }
    }
}

/// Share of the due units that are done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"done": 5, "missed": 1, "rate": 83.33}))]
pub struct RateRecord {
    /// Number of units that are done.
    pub done: u32,
    /// Number of units that ended without being done.
    pub missed: u32,
    /// `done / (done + missed)` in percent, to two decimals. `null` if both are 0.
    pub rate: Option<f64>,
}

impl From<Rate> for RateRecord {
    fn from(rate: Rate) -> Self {
        Self {
            done: rate.done,
            missed: rate.missed,
            rate: percent(rate),
        }
    }
}

/// One date of a habit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "date": "2026-11-22", "state": "done", "value": 20, "target": 20, "level": 4
}))]
pub struct CellRecord {
    /// Date, `YYYY-MM-DD`.
    #[schema(format = Date)]
    pub date: String,
    /// State of the date: `done`, `partial`, `missed`, `skip`, `not_due`, `open`, or `none` for a date
    /// before the start or after the end of the habit.
    pub state: String,
    /// Sum of the recorded amounts.
    #[serde(with = "crate::text::quantity")]
    #[schema(value_type = f64)]
    pub value: Quantity,
    /// Target that was in force on this date.
    #[serde(with = "crate::text::quantity")]
    #[schema(value_type = f64)]
    pub target: Quantity,
    /// Share of the target in five levels for a heatmap: 0 is nothing, 4 is the whole target.
    pub level: u8,
}

impl From<&Cell> for CellRecord {
    fn from(cell: &Cell) -> Self {
        Self {
            date: cell.date.to_string(),
            state: cell.state.as_str().to_owned(),
            value: amount(cell.value),
            target: cell.target,
            level: cell.level,
        }
    }
}

/// Totals of one week, month or year.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"first_day": "2026-11-01", "value": 312.5, "days": 18}))]
pub struct PeriodRecord {
    /// First day of the period, `YYYY-MM-DD`.
    #[schema(format = Date)]
    pub first_day: String,
    /// Sum of the recorded amounts.
    #[serde(with = "crate::text::quantity")]
    #[schema(value_type = f64)]
    pub value: Quantity,
    /// Number of days with a recorded amount of at least 1.
    pub days: u32,
}

impl From<&PeriodTotal> for PeriodRecord {
    fn from(total: &PeriodTotal) -> Self {
        Self {
            first_day: total.first_day.to_string(),
            value: amount(total.sum),
            days: total.ticked_days,
        }
    }
}

/// A unit of a streak: a range of days that is done or missed as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "first_day": "2026-11-16", "last_day": "2026-11-22", "state": "pending", "reason": null
}))]
pub struct UnitRecord {
    /// First day, `YYYY-MM-DD`.
    #[schema(format = Date)]
    pub first_day: String,
    /// Last day, `YYYY-MM-DD`.
    #[schema(format = Date)]
    pub last_day: String,
    /// State of the unit: `done`, `missed`, `neutral` or `pending`.
    pub state: String,
    /// Reason why the unit is neutral: `archived`, `skipped`, `no_such_date` or `cut_short`. `null` for
    /// other states.
    pub reason: Option<String>,
}

impl From<&Unit> for UnitRecord {
    fn from(unit: &Unit) -> Self {
        // Two members and not one text: a client that does not know a reason still knows the state.
        let (state, reason) = match unit.state {
            UnitState::Done => ("done", None),
            UnitState::Missed => ("missed", None),
            UnitState::Pending => ("pending", None),
            UnitState::Neutral(reason) => ("neutral", Some(reason.as_str().to_owned())),
        };
        Self {
            first_day: unit.first_day().to_string(),
            last_day: unit.last_day().to_string(),
            state: state.to_owned(),
            reason,
        }
    }
}

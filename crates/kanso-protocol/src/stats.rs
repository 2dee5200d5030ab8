//! Statistics on the wire.

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

/// An amount in thousandths, written as a JSON number.
fn amount(thousandths: i64) -> Quantity {
    Quantity::from_thousandths(thousandths.max(0)).unwrap_or(Quantity::MAX)
}

/// A rate in percent, to two decimals.
fn percent(rate: Rate) -> Option<f64> {
    rate.percent()
        .map(|percent| (percent * 100.0).round() / 100.0)
}

/// How many units in a row are done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "current": 5, "longest": 12, "unit": "day", "since": "2026-11-18",
    "at_risk_until": "2026-11-22"
}))]
pub struct StreakRecord {
    /// Up to now; an open unit neither counts nor breaks it.
    pub current: u32,
    /// At its longest.
    pub longest: u32,
    /// What is counted: `day`, `week` or `window`.
    pub unit: String,
    /// The first day of the first unit of the current streak.
    #[schema(format = Date)]
    pub since: Option<String>,
    /// The last day on which something can be done to keep it; `null` when nothing is open.
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

/// How much of what was due was done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"done": 5, "missed": 1, "rate": 83.33}))]
pub struct RateRecord {
    /// Units that are done.
    pub done: u32,
    /// Units that are over and were not done.
    pub missed: u32,
    /// `done` of both, in percent; `null` when nothing was due.
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

/// One civil date of a habit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "date": "2026-11-22", "state": "done", "value": 20, "target": 20, "level": 4
}))]
pub struct CellRecord {
    /// The date.
    #[schema(format = Date)]
    pub date: String,
    /// `done`, `partial`, `missed`, `skip`, `not_due`, `open`, or `none` outside of its days.
    pub state: String,
    /// The sum of what was recorded.
    #[serde(with = "crate::text::quantity")]
    #[schema(value_type = f64)]
    pub value: Quantity,
    /// The target in force on that date.
    #[serde(with = "crate::text::quantity")]
    #[schema(value_type = f64)]
    pub target: Quantity,
    /// How much of the target was reached: 0 nothing, 4 all of it.
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

/// What was recorded in one period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"first_day": "2026-11-01", "value": 312.5, "days": 18}))]
pub struct PeriodRecord {
    /// The first day of the period.
    #[schema(format = Date)]
    pub first_day: String,
    /// The sum.
    #[serde(with = "crate::text::quantity")]
    #[schema(value_type = f64)]
    pub value: Quantity,
    /// On how many days at least 1 was recorded.
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

/// A stretch of days that is done or missed as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "first_day": "2026-11-16", "last_day": "2026-11-22", "state": "pending", "reason": null
}))]
pub struct UnitRecord {
    /// The first day.
    #[schema(format = Date)]
    pub first_day: String,
    /// The last day.
    #[schema(format = Date)]
    pub last_day: String,
    /// `done`, `missed`, `neutral` or `pending`.
    pub state: String,
    /// Why it is neutral: `archived`, `skipped`, `no_such_date` or `cut_short`.
    pub reason: Option<String>,
}

impl From<&Unit> for UnitRecord {
    fn from(unit: &Unit) -> Self {
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

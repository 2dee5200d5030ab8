//! Statistics of one habit, of all habits, and of today.

use kanso_domain::habits::Habit;
use kanso_domain::progress::{HabitProgress, Period, TodayStatus, totals};
use kanso_domain::{Date, Quantity, Timestamp, WeekStart};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{CellRecord, PeriodRecord, RateRecord, StreakRecord, UnitRecord, amount};

/// Statistics of one habit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "habit_id": "0198c2f4-8b7e-7c3a-9d2e-4f5a6b7c8d9e", "habit_title": "Read",
    "streak": {
        "current": 5, "longest": 12, "unit": "day", "since": "2026-11-17",
        "at_risk_until": "2026-11-22"
    },
    "rate": {"done": 40, "missed": 8, "rate": 83.33}, "strength": 0.714,
    "weeks": [{"first_day": "2026-11-16", "value": 112.5, "days": 5}],
    "months": [{"first_day": "2026-11-01", "value": 312.5, "days": 18}],
    "years": [{"first_day": "2026-01-01", "value": 840, "days": 48}],
    "done_by_weekday": [5, 6, 7, 6, 6, 5, 5]
}))]
pub struct HabitStatsResponse {
    /// Id of the habit.
    #[serde(with = "crate::text::uuid")]
    pub habit_id: Uuid,
    /// Title of the habit.
    pub habit_title: String,
    /// Streak as of now.
    pub streak: StreakRecord,
    /// Rate over all units since the start of the habit.
    pub rate: RateRecord,
    /// Strength of the habit from 0 to 1, a moving average over the days. `null` before the first entry.
    pub strength: Option<f64>,
    /// Totals by week. Weeks begin on the `week_start` of the account.
    pub weeks: Vec<PeriodRecord>,
    /// Totals by calendar month.
    pub months: Vec<PeriodRecord>,
    /// Totals by calendar year.
    pub years: Vec<PeriodRecord>,
    /// Number of days on which the target was met, for each weekday from Sunday on.
    pub done_by_weekday: [u32; 7],
    /// With `explain=true`: all units in order, which explain the streak.
    // Only on request: a daily habit has hundreds of units a year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units: Option<Vec<UnitRecord>>,
}

/// Cells of a heatmap.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "from": "2026-11-22", "to": "2026-11-22",
    "habits": [{
        "habit_id": "0198c2f4-8b7e-7c3a-9d2e-4f5a6b7c8d9e",
        "cells": [
            {"date": "2026-11-22", "state": "done", "value": 20, "target": 20, "level": 4}
        ]
    }]
}))]
pub struct HeatmapResponse {
    /// First date, `YYYY-MM-DD`.
    #[schema(format = Date)]
    pub from: String,
    /// Last date, `YYYY-MM-DD`.
    #[schema(format = Date)]
    pub to: String,
    /// Habits in the order of the list.
    pub habits: Vec<HabitCells>,
}

/// Cells of one habit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HabitCells {
    /// Id of the habit.
    #[serde(with = "crate::text::uuid")]
    pub habit_id: Uuid,
    /// One cell for each date of the range.
    pub cells: Vec<CellRecord>,
}

/// Overview of all habits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "total_habits": 1, "last_7_days": {"done": 5, "missed": 1, "rate": 83.33},
    "last_30_days": {"done": 24, "missed": 5, "rate": 82.76},
    "habits": [{
        "habit_id": "0198c2f4-8b7e-7c3a-9d2e-4f5a6b7c8d9e", "habit_title": "Read",
        "streak": {
            "current": 5, "longest": 12, "unit": "day", "since": "2026-11-17",
            "at_risk_until": "2026-11-22"
        },
        "strength": 0.714
    }]
}))]
pub struct OverviewResponse {
    /// Number of habits that are not archived.
    pub total_habits: usize,
    /// Rate over the last 7 days, including today.
    pub last_7_days: RateRecord,
    /// Rate over the last 30 days, including today.
    pub last_30_days: RateRecord,
    /// Habits in the order of the list.
    pub habits: Vec<HabitGlanceRecord>,
}

/// One habit of an overview.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HabitGlanceRecord {
    /// Id of the habit.
    #[serde(with = "crate::text::uuid")]
    pub habit_id: Uuid,
    /// Title of the habit.
    pub habit_title: String,
    /// Streak as of now.
    pub streak: StreakRecord,
    /// Strength of the habit from 0 to 1, a moving average over the days. `null` before the first entry.
    pub strength: Option<f64>,
}

/// The habits of today.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "date": "2026-11-22", "timezone": "Europe/Rome", "ends_at": "2026-11-22T23:00:00.000000Z",
    "habits": [{
        "habit_id": "0198c2f4-8b7e-7c3a-9d2e-4f5a6b7c8d9e", "habit_title": "Read",
        "state": "pending", "value": 12.5, "target_value": 20, "unit": "pages",
        "streak": {
            "current": 5, "longest": 12, "unit": "day", "since": "2026-11-17",
            "at_risk_until": "2026-11-22"
        },
        "at_risk": true
    }]
}))]
pub struct TodayResponse {
    /// Date of today, `YYYY-MM-DD`.
    #[schema(format = Date)]
    pub date: String,
    /// Time zone in which this date is today, an IANA name.
    pub timezone: String,
    /// Time at which the day ends, in UTC.
    #[serde(with = "crate::text")]
    #[schema(value_type = String, format = DateTime)]
    pub ends_at: Timestamp,
    /// Habits that are not archived, in the order of the list.
    pub habits: Vec<HabitTodayRecord>,
}

/// State of one habit today.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HabitTodayRecord {
    /// Id of the habit.
    #[serde(with = "crate::text::uuid")]
    pub habit_id: Uuid,
    /// Title of the habit.
    pub habit_title: String,
    /// State of the day: `done`, `pending`, `skip` or `not_due`; for a limit also `within` or
    /// `exceeded`.
    pub state: String,
    /// Sum of the amounts recorded today.
    #[serde(with = "crate::text::quantity")]
    #[schema(value_type = f64)]
    pub value: Quantity,
    /// Target of the day.
    #[serde(with = "crate::text::quantity")]
    #[schema(value_type = f64)]
    pub target_value: Quantity,
    /// Unit of the amounts, such as `pages`.
    pub unit: String,
    /// Streak as of now.
    pub streak: StreakRecord,
    /// True if the streak ends unless the habit is done today.
    pub at_risk: bool,
}

impl HabitStatsResponse {
    /// Builds the statistics of a habit, with its units if `is_explained`.
    pub fn new(progress: &HabitProgress<'_>, week_start: WeekStart, is_explained: bool) -> Self {
        let periods = |period| {
            let totals = totals(progress.log(), period);
            totals.iter().map(PeriodRecord::from).collect()
        };
        let units = || progress.units().iter().map(UnitRecord::from).collect();
        Self {
            habit_id: progress.habit.id.uuid(),
            habit_title: progress.habit.details.title.to_string(),
            streak: progress.streak().into(),
            rate: progress.overall_rate().into(),
            strength: progress.strength(),
            weeks: periods(Period::Week(week_start)),
            months: periods(Period::Month),
            years: periods(Period::Year),
            done_by_weekday: progress.done_by_weekday(),
            // Lazy: the units are converted only if they are sent.
            units: is_explained.then(units),
        }
    }
}

impl HabitCells {
    /// Builds the cells of the habit from `from` to `to`, both included.
    pub fn new(progress: &HabitProgress<'_>, from: Date, to: Date) -> Self {
        Self {
            habit_id: progress.habit.id.uuid(),
            cells: progress.cells(from, to).iter().map(Into::into).collect(),
        }
    }
}

impl HabitGlanceRecord {
    /// Builds the overview of the habit.
    pub fn new(progress: &HabitProgress<'_>) -> Self {
        Self {
            habit_id: progress.habit.id.uuid(),
            habit_title: progress.habit.details.title.to_string(),
            streak: progress.streak().into(),
            strength: progress.strength(),
        }
    }
}

impl HabitTodayRecord {
    /// Builds the state of `habit` today.
    pub fn new(habit: &Habit, standing: &Standing) -> Self {
        let details = &habit.details;
        Self {
            habit_id: habit.id.uuid(),
            habit_title: details.title.to_string(),
            state: status.state.as_str().to_owned(),
            value: amount(status.value),
            target_value: details.target().value(),
            unit: details.unit.to_string(),
            streak: status.streak.into(),
            at_risk: status.is_at_risk,
        }
    }
}

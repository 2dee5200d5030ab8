//! Answers about one habit, all habits, and today.

use kanso_domain::habits::Habit;
use kanso_domain::progress::{HabitProgress, Period, TodayStatus, totals};
use kanso_domain::{Date, Quantity, Timestamp, WeekStart};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{CellRecord, PeriodRecord, RateRecord, StreakRecord, UnitRecord, amount};

/// Everything about one habit.
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
    /// The habit.
    #[serde(with = "crate::text::uuid")]
    pub habit_id: Uuid,
    /// Its name.
    pub habit_title: String,
    /// The streak now.
    pub streak: StreakRecord,
    /// Over all units.
    pub rate: RateRecord,
    /// How firm the habit is, between 0 and 1; `null` before anything was recorded.
    pub strength: Option<f64>,
    /// What was recorded, by week from the person's first day of the week.
    pub weeks: Vec<PeriodRecord>,
    /// By calendar month.
    pub months: Vec<PeriodRecord>,
    /// By calendar year.
    pub years: Vec<PeriodRecord>,
    /// On how many days the target was met, from Sunday.
    pub done_by_weekday: [u32; 7],
    /// With `explain=true`: the units in order, and why the streak is what it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units: Option<Vec<UnitRecord>>,
}

/// The cells of the habits.
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
    /// The first date.
    #[schema(format = Date)]
    pub from: String,
    /// The last date.
    #[schema(format = Date)]
    pub to: String,
    /// Each habit, in the order of the list.
    pub habits: Vec<HabitCells>,
}

/// The cells of one habit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HabitCells {
    /// The habit.
    #[serde(with = "crate::text::uuid")]
    pub habit_id: Uuid,
    /// One for each civil date.
    pub cells: Vec<CellRecord>,
}

/// All habits at a glance.
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
    /// How many habits are not put away.
    pub total_habits: usize,
    /// Over the last 7 days, today included.
    pub last_7_days: RateRecord,
    /// Over the last 30 days, today included.
    pub last_30_days: RateRecord,
    /// Each habit, in the order of the list.
    pub habits: Vec<HabitGlanceRecord>,
}

/// One habit at a glance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HabitGlanceRecord {
    /// The habit.
    #[serde(with = "crate::text::uuid")]
    pub habit_id: Uuid,
    /// Its name.
    pub habit_title: String,
    /// The streak now.
    pub streak: StreakRecord,
    /// How firm the habit is, between 0 and 1; `null` before anything was recorded.
    pub strength: Option<f64>,
}

/// What is asked for today.
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
    /// Today.
    #[schema(format = Date)]
    pub date: String,
    /// The zone in which it is today.
    pub timezone: String,
    /// When the next day begins.
    #[serde(with = "crate::text")]
    #[schema(value_type = String, format = DateTime)]
    pub ends_at: Timestamp,
    /// The habits that are not put away, in the order of the list.
    pub habits: Vec<HabitTodayRecord>,
}

/// One habit today.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HabitTodayRecord {
    /// The habit.
    #[serde(with = "crate::text::uuid")]
    pub habit_id: Uuid,
    /// Its name.
    pub habit_title: String,
    /// `done`, `pending`, `within` or `exceeded` a limit, `skip` or `not_due`.
    pub state: String,
    /// What was recorded today.
    #[serde(with = "crate::text::quantity")]
    #[schema(value_type = f64)]
    pub value: Quantity,
    /// The amount that the day is measured against.
    #[serde(with = "crate::text::quantity")]
    #[schema(value_type = f64)]
    pub target_value: Quantity,
    /// What the amounts count.
    pub unit: String,
    /// The streak now.
    pub streak: StreakRecord,
    /// Whether the streak ends unless something is done today.
    pub at_risk: bool,
}

impl HabitStatsResponse {
    /// Everything about the habit, with its units if it is to be explained.
    pub fn new(judged: &HabitProgress<'_>, week_start: WeekStart, is_explained: bool) -> Self {
        let periods = |period| {
            let totals = totals(judged.log(), period);
            totals.iter().map(PeriodRecord::from).collect()
        };
        let units = || judged.units().iter().map(UnitRecord::from).collect();
        Self {
            habit_id: judged.habit.id.uuid(),
            habit_title: judged.habit.details.title.to_string(),
            streak: judged.streak().into(),
            rate: judged.overall_rate().into(),
            strength: judged.strength(),
            weeks: periods(Period::Week(week_start)),
            months: periods(Period::Month),
            years: periods(Period::Year),
            done_by_weekday: judged.done_by_weekday(),
            units: is_explained.then(units),
        }
    }
}

impl HabitCells {
    /// The cells of the habit from one date to another, both included.
    pub fn new(judged: &HabitProgress<'_>, from: Date, to: Date) -> Self {
        Self {
            habit_id: judged.habit.id.uuid(),
            cells: judged.cells(from, to).iter().map(Into::into).collect(),
        }
    }
}

impl HabitGlanceRecord {
    /// The habit at a glance.
    pub fn new(judged: &HabitProgress<'_>) -> Self {
        Self {
            habit_id: judged.habit.id.uuid(),
            habit_title: judged.habit.details.title.to_string(),
            streak: judged.streak().into(),
            strength: judged.strength(),
        }
    }
}

impl HabitTodayRecord {
    /// How `habit` stands today.
    pub fn new(habit: &Habit, status: &TodayStatus) -> Self {
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

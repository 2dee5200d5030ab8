//! The weekly answer.

use kanso_domain::habits::Habit;
use kanso_domain::progress::{Cell, CellState, Rate, Streak};
use kanso_domain::{Date, Quantity};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{amount, percent};

/// One day of a habit in the weekly answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"date": "2026-11-22", "value": 20, "completed": true, "state": "done"}))]
pub struct DayProgress {
    /// The date.
    #[schema(format = Date)]
    pub date: String,
    /// The sum of what was recorded.
    #[serde(with = "crate::text::quantity")]
    #[schema(value_type = f64)]
    pub value: Quantity,
    /// Whether the target was met.
    pub completed: bool,
    /// As in a heatmap.
    pub state: String,
}

impl From<&Cell> for DayProgress {
    fn from(cell: &Cell) -> Self {
        Self {
            date: cell.date.to_string(),
            value: amount(cell.value),
            completed: cell.state == CellState::Done,
            state: cell.state.as_str().to_owned(),
        }
    }
}

/// The days of all habits in a range.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "start_date": "2026-11-16", "end_date": "2026-11-22", "total_habits": 1,
    "overall_completion_rate": 83.33, "done": 5, "missed": 1, "habits": [{
        "habit_id": "0198c2f4-8b7e-7c3a-9d2e-4f5a6b7c8d9e", "habit_title": "Read",
        "color": "#4CAF50", "icon": "book", "target_value": 20, "unit": "pages",
        "total_value": 112.5, "completion_rate": 83.33, "days_completed": 5, "due_days": 6,
        "done": 5, "missed": 1, "current_streak": 3, "longest_streak": 12,
        "daily_progress": [
            {"date": "2026-11-22", "value": 12.5, "completed": false, "state": "open"}
        ]
    }]
}))]
pub struct WeeklyResponse {
    /// The first date.
    #[schema(format = Date)]
    pub start_date: String,
    /// The last date.
    #[schema(format = Date)]
    pub end_date: String,
    /// How many habits there are.
    pub total_habits: usize,
    /// The sum of what was done by the sum of what was due, in percent; `null` when nothing was.
    pub overall_completion_rate: Option<f64>,
    /// Units that are done.
    pub done: u32,
    /// Units that are over and were not done.
    pub missed: u32,
    /// Each habit, in the order of the list.
    pub habits: Vec<HabitWeekRecord>,
}

impl WeeklyResponse {
    /// The days of `habits` from `from` to `to`; `overall` is the sum over them.
    pub fn new((from, to): (Date, Date), overall: Rate, habits: Vec<HabitWeekRecord>) -> Self {
        Self {
            start_date: from.to_string(),
            end_date: to.to_string(),
            total_habits: habits.len(),
            overall_completion_rate: percent(overall),
            done: overall.done,
            missed: overall.missed,
            habits,
        }
    }
}

/// The days of one habit in a range.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HabitWeekRecord {
    /// The habit.
    #[serde(with = "crate::text::uuid")]
    pub habit_id: Uuid,
    /// Its name.
    pub habit_title: String,
    /// `#RRGGBB`.
    pub color: String,
    /// The name of an icon or an emoji.
    pub icon: String,
    /// The amount that a day is measured against now.
    #[serde(with = "crate::text::quantity")]
    #[schema(value_type = f64)]
    pub target_value: Quantity,
    /// What the amounts count.
    pub unit: String,
    /// The sum of all days.
    #[serde(with = "crate::text::quantity")]
    #[schema(value_type = f64)]
    pub total_value: Quantity,
    /// `done` of `due_days`, in percent; `null` when nothing was due.
    pub completion_rate: Option<f64>,
    /// On how many dates the target was met.
    pub days_completed: usize,
    /// How many units were due and are over or done: days, weeks or windows.
    pub due_days: u32,
    /// Units that are done.
    pub done: u32,
    /// Units that are over and were not done.
    pub missed: u32,
    /// The streak now.
    pub current_streak: u32,
    /// The longest streak.
    pub longest_streak: u32,
    /// One for each civil date of the range.
    pub daily_progress: Vec<DayProgress>,
}

impl HabitWeekRecord {
    /// The days of `habit` on the wire.
    pub fn new(habit: &Habit, rate: Rate, streak: Streak, cells: &[Cell]) -> Self {
        let details = &habit.details;
        Self {
            habit_id: habit.id.uuid(),
            habit_title: details.title.to_string(),
            color: details.color.to_string(),
            icon: details.icon.to_string(),
            target_value: details.target().value(),
            unit: details.unit.to_string(),
            total_value: amount(cells.iter().map(|cell| cell.value).sum()),
            completion_rate: percent(rate),
            days_completed: cells.iter().filter(|c| c.state == CellState::Done).count(),
            due_days: rate.due(),
            done: rate.done,
            missed: rate.missed,
            current_streak: streak.current,
            longest_streak: streak.longest,
            daily_progress: cells.iter().map(Into::into).collect(),
        }
    }
}

//! Progress of the habits in a range of days.

use kanso_domain::habits::Habit;
use kanso_domain::progress::{Cell, CellState, Rate, Streak};
use kanso_domain::{Date, Quantity};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{amount, percent};

/// One day of a habit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"date": "2026-11-22", "value": 20, "completed": true, "state": "done"}))]
pub struct DayProgress {
    /// Date, `YYYY-MM-DD`.
    #[schema(format = Date)]
    pub date: String,
    /// Sum of the recorded amounts.
    #[serde(with = "crate::text::quantity")]
    #[schema(value_type = f64)]
    pub value: Quantity,
    /// True if the target was met.
    pub completed: bool,
    /// State of the date, as in a heatmap.
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

/// Progress of all habits in a range of days.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "start_date": "2026-11-16", "end_date": "2026-11-22", "total_habits": 1,
    "overall_completion_rate": 83.33, "done": 5, "missed": 1, "habits": [{
        "habit_id": "0198c2f4-8b7e-7c3a-9d2e-4f5a6b7c8d9e", "habit_title": "Read",
        "color": "#4CAF50", "icon": "book", "target_value": 20, "unit": "pages",
        "total_value": 112.5, "completion_rate": 83.33, "days_completed": 5, "due_days": 6,
        "done": 5, "missed": 1, "current_streak": 3, "longest_streak": 12,
        "daily_progress": [20, 20, 20, 20, 0, 20, 12.5],
        "days": [
            {"date": "2026-11-22", "value": 12.5, "completed": false, "state": "open"}
        ]
    }]
}))]
pub struct WeeklyResponse {
    /// First date, `YYYY-MM-DD`.
    #[schema(format = Date)]
    pub start_date: String,
    /// Last date, `YYYY-MM-DD`.
    #[schema(format = Date)]
    pub end_date: String,
    /// Number of habits in the answer.
    pub total_habits: usize,
    /// Rate over all habits in percent, to two decimals. `null` if nothing was due.
    pub overall_completion_rate: Option<f64>,
    /// Number of units that are done.
    pub done: u32,
    /// Number of units that ended without being done.
    pub missed: u32,
    /// Habits in the order of the list.
    pub habits: Vec<HabitWeekRecord>,
}

impl WeeklyResponse {
    /// Builds the answer for the days from `from` to `to`. `overall` is the rate over all `habits`.
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

/// Progress of one habit in a range of days.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HabitWeekRecord {
    /// Id of the habit.
    #[serde(with = "crate::text::uuid")]
    pub habit_id: Uuid,
    /// Title of the habit.
    pub habit_title: String,
    /// Color, `#RRGGBB`.
    pub color: String,
    /// Name of an icon, or an emoji.
    pub icon: String,
    /// Current target of a day.
    #[serde(with = "crate::text::quantity")]
    #[schema(value_type = f64)]
    pub target_value: Quantity,
    /// Unit of the amounts, such as `pages`.
    pub unit: String,
    /// Sum of the recorded amounts over all days.
    #[serde(with = "crate::text::quantity")]
    #[schema(value_type = f64)]
    pub total_value: Quantity,
    /// `done` of `due_days` in percent, to two decimals. `null` if nothing was due.
    pub completion_rate: Option<f64>,
    /// Number of dates on which the target was met.
    pub days_completed: usize,
    /// Number of units that were due and have ended or are done: days, weeks or windows.
    pub due_days: u32,
    /// Number of units that are done.
    pub done: u32,
    /// Number of units that ended without being done.
    pub missed: u32,
    /// Length of the current streak, in units.
    pub current_streak: u32,
    /// Length of the longest streak, in units.
    pub longest_streak: u32,
    /// Sum of the recorded amounts of each date of the range.
    #[serde(with = "crate::text::quantity::list")]
    #[schema(value_type = Vec<f64>)]
    // Numbers alone, as clients of the first version of the API read them.
    pub daily_progress: Vec<Quantity>,
    /// One item for each date of the range.
    pub days: Vec<DayProgress>,
}

impl HabitWeekRecord {
    /// Builds the progress of `habit` from its cells.
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
            // Days count even if their unit is a week, so this may differ from `done`.
            days_completed: cells.iter().filter(|c| c.state == CellState::Done).count(),
            due_days: rate.due(),
            done: rate.done,
            missed: rate.missed,
            current_streak: streak.current,
            longest_streak: streak.longest,
            daily_progress: cells.iter().map(|cell| amount(cell.value)).collect(),
            days: cells.iter().map(Into::into).collect(),
        }
    }
}

//! The answers of the statistics.

use kanso_domain::calendar::{day_begins, days_after};
use kanso_domain::habits::Habit;
use kanso_domain::progress::{
    Cell, CellState, HabitProgress, Period, PeriodTotal, Rate, Streak, TodayStatus, Unit, totals,
};
use kanso_domain::{Date, HabitId, Timestamp, WeekStart};

use super::{DateRange, StatsContext};

/// The days of all habits in a range.
#[derive(Clone, Debug, PartialEq)]
pub struct Weekly {
    /// Range.
    pub range: DateRange,
    /// Habits in the order of the list.
    pub habits: Vec<HabitWeek>,
    /// Rate over all habits.
    pub overall: Rate,
}

/// The days of one habit in a range.
#[derive(Clone, Debug, PartialEq)]
pub struct HabitWeek {
    /// Habit.
    pub habit: Habit,
    /// Rate over the units of the range.
    pub rate: Rate,
    /// Cells, one for each civil date.
    pub cells: Vec<Cell>,
    /// Streak by the stored local dates.
    pub streak: Streak,
}

impl HabitWeek {
    pub(super) fn new(progress: &HabitProgress<'_>, streak: Streak, range: DateRange) -> Self {
        Self {
            habit: progress.habit.clone(),
            rate: progress.rate(range.from, range.to),
            cells: progress.cells(range.from, range.to),
            streak,
        }
    }

    /// Returns the sum of the days in thousandths.
    pub fn total(&self) -> i64 {
        self.cells.iter().map(|cell| cell.value).sum()
    }

    /// Returns the number of days on which the target was met.
    pub fn days_completed(&self) -> usize {
        self.cells
            .iter()
            .filter(|cell| cell.state == CellState::Done)
            .count()
    }
}

impl Weekly {
    pub(super) fn new(habits: Vec<HabitWeek>, range: DateRange) -> Self {
        let overall = habits.iter().map(|habit| habit.rate).sum();
        Self {
            range,
            habits,
            overall,
        }
    }
}

/// The statistics of one habit.
#[derive(Clone, Debug, PartialEq)]
pub struct HabitStats {
    /// Habit.
    pub habit: Habit,
    /// Streak.
    pub streak: Streak,
    /// Rate over all units.
    pub rate: Rate,
    /// Strength between 0 and 1; `None` before the first entry.
    pub strength: Option<f64>,
    /// Totals by week.
    pub weeks: Vec<PeriodTotal>,
    /// Totals by month.
    pub months: Vec<PeriodTotal>,
    /// Totals by year.
    pub years: Vec<PeriodTotal>,
    /// Number of days on which the target was met, by weekday from Sunday.
    pub done_by_weekday: [u32; 7],
    /// Units that have begun. They explain the streak.
    pub units: Vec<Unit>,
}

impl HabitStats {
    pub(super) fn new(progress: &HabitProgress<'_>, week_start: WeekStart) -> Self {
        Self {
            habit: progress.habit.clone(),
            streak: progress.streak(),
            rate: progress.overall_rate(),
            strength: progress.strength(),
            weeks: totals(progress.log(), Period::Week(week_start)),
            months: totals(progress.log(), Period::Month),
            years: totals(progress.log(), Period::Year),
            done_by_weekday: progress.done_by_weekday(),
            units: progress.units(),
        }
    }
}

/// The cells of one habit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeatmapAnswer {
    /// Habit.
    pub habit_id: HabitId,
    /// Cells, one for each civil date.
    pub cells: Vec<Cell>,
}

/// All habits at a glance.
#[derive(Clone, Debug, PartialEq)]
pub struct StatsOverview {
    /// Habits that are not archived.
    pub habits: Vec<HabitGlance>,
    /// Rate over the last 7 days, including today.
    pub last_7_days: Rate,
    /// Rate over the last 30 days, including today.
    pub last_30_days: Rate,
}

/// One habit at a glance.
#[derive(Clone, Debug, PartialEq)]
pub struct HabitGlance {
    /// Habit.
    pub habit: Habit,
    /// Streak.
    pub streak: Streak,
    /// Strength between 0 and 1; `None` before the first entry.
    pub strength: Option<f64>,
}

impl StatsOverview {
    pub(super) fn new(habits: &[HabitProgress<'_>]) -> Self {
        let last = |days| habits.iter().map(|habit| habit.recent_rate(days)).sum();
        let glance = |progress: &HabitProgress<'_>| HabitGlance {
            habit: progress.habit.clone(),
            streak: progress.streak(),
            strength: progress.strength(),
        };
        Self {
            habits: habits.iter().map(glance).collect(),
            last_7_days: last(7),
            last_30_days: last(30),
        }
    }
}

/// The habits of today.
#[derive(Clone, Debug, PartialEq)]
pub struct TodayAnswer {
    /// Today.
    pub date: Date,
    /// Zone of this day.
    pub timezone: String,
    /// Start of the next day.
    pub ends_at: Timestamp,
    /// Habits that are not archived, in the order of the list.
    pub habits: Vec<HabitToday>,
}

/// One habit today.
#[derive(Clone, Debug, PartialEq)]
pub struct HabitToday {
    /// Habit.
    pub habit: Habit,
    /// Status of the habit.
    pub status: TodayStatus,
}

impl TodayAnswer {
    pub(super) fn new(habits: &[HabitProgress<'_>], context: &StatsContext) -> Self {
        let settings = &context.settings;
        let on_today = |progress: &HabitProgress<'_>| HabitToday {
            habit: progress.habit.clone(),
            status: progress.today_status(),
        };
        // Not 24 hours later: the day of a transition is longer or shorter.
        let tomorrow = days_after(context.today, 1);
        Self {
            date: context.today,
            timezone: settings.timezone.to_string(),
            ends_at: day_begins(tomorrow, &settings.timezone, settings.day_start),
            habits: habits.iter().map(on_today).collect(),
        }
    }
}

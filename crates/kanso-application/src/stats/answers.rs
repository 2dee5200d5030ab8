//! What the statistics answer.

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
    /// The range.
    pub range: DateRange,
    /// The habits, in the order of the list.
    pub habits: Vec<HabitWeek>,
    /// The sum over them.
    pub overall: Rate,
}

/// The days of one habit in a range.
#[derive(Clone, Debug, PartialEq)]
pub struct HabitWeek {
    /// The habit.
    pub habit: Habit,
    /// Units done and missed.
    pub rate: Rate,
    /// One for each civil date.
    pub cells: Vec<Cell>,
    /// By the recorded days.
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

    /// The sum of the days, in thousandths.
    pub fn total(&self) -> i64 {
        self.cells.iter().map(|cell| cell.value).sum()
    }

    /// On how many days the target was met.
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

/// Everything about one habit.
#[derive(Clone, Debug, PartialEq)]
pub struct HabitStats {
    /// The habit.
    pub habit: Habit,
    /// The streak.
    pub streak: Streak,
    /// Over all units.
    pub rate: Rate,
    /// Between 0 and 1; none before anything was recorded.
    pub strength: Option<f64>,
    /// What was recorded, by week.
    pub weeks: Vec<PeriodTotal>,
    /// The same by month.
    pub months: Vec<PeriodTotal>,
    /// The same by year.
    pub years: Vec<PeriodTotal>,
    /// On how many days the target was met, from Sunday.
    pub done_by_weekday: [u32; 7],
    /// The units that have begun: why the streak is what it is.
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
    /// The habit.
    pub habit_id: HabitId,
    /// One for each civil date.
    pub cells: Vec<Cell>,
}

/// All habits at a glance.
#[derive(Clone, Debug, PartialEq)]
pub struct StatsOverview {
    /// The habits that are not put away.
    pub habits: Vec<HabitGlance>,
    /// Over the last 7 days, today included.
    pub last_7_days: Rate,
    /// Over the last 30 days, today included.
    pub last_30_days: Rate,
}

/// One habit at a glance.
#[derive(Clone, Debug, PartialEq)]
pub struct HabitGlance {
    /// The habit.
    pub habit: Habit,
    /// The streak.
    pub streak: Streak,
    /// Between 0 and 1; none before anything was recorded.
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

/// What is asked for today.
#[derive(Clone, Debug, PartialEq)]
pub struct TodayAnswer {
    /// Today.
    pub date: Date,
    /// The zone in which it is today.
    pub timezone: String,
    /// When the next day begins.
    pub ends_at: Timestamp,
    /// The habits that are not put away, in the order of the list.
    pub habits: Vec<HabitToday>,
}

/// One habit today.
#[derive(Clone, Debug, PartialEq)]
pub struct HabitToday {
    /// The habit.
    pub habit: Habit,
    /// How it stands.
    pub status: TodayStatus,
}

impl TodayAnswer {
    pub(super) fn new(habits: &[HabitProgress<'_>], context: &StatsContext) -> Self {
        let settings = &context.settings;
        let on_today = |progress: &HabitProgress<'_>| HabitToday {
            habit: progress.habit.clone(),
            status: progress.today_status(),
        };
        let tomorrow = days_after(context.today, 1);
        Self {
            date: context.today,
            timezone: settings.timezone.to_string(),
            ends_at: day_begins(tomorrow, &settings.timezone, settings.day_start),
            habits: habits.iter().map(on_today).collect(),
        }
    }
}

//! What the statistics answer.

use kanso_domain::calendar::{day_begins, days_after};
use kanso_domain::habits::Habit;
use kanso_domain::progress::{
    Cell, CellState, HabitProgress, Period, PeriodTotal, Rate, Standing, Streak, Unit, totals,
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
    pub(super) fn new(judged: &HabitProgress<'_>, streak: Streak, range: DateRange) -> Self {
        Self {
            habit: judged.habit.clone(),
            rate: judged.rate(range.from, range.to),
            cells: judged.cells(range.from, range.to),
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
    pub(super) fn new(judged: &HabitProgress<'_>, week_start: WeekStart) -> Self {
        Self {
            habit: judged.habit.clone(),
            streak: judged.streak(),
            rate: judged.overall_rate(),
            strength: judged.strength(),
            weeks: totals(judged.log(), Period::Week(week_start)),
            months: totals(judged.log(), Period::Month),
            years: totals(judged.log(), Period::Year),
            done_by_weekday: judged.done_by_weekday(),
            units: judged.units(),
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
        let glance = |judged: &HabitProgress<'_>| HabitGlance {
            habit: judged.habit.clone(),
            streak: judged.streak(),
            strength: judged.strength(),
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
    pub standing: Standing,
}

impl TodayAnswer {
    pub(super) fn new(habits: &[HabitProgress<'_>], reader: &StatsContext) -> Self {
        let settings = &reader.settings;
        let on_today = |judged: &HabitProgress<'_>| HabitToday {
            habit: judged.habit.clone(),
            standing: judged.standing(),
        };
        let tomorrow = days_after(reader.today, 1);
        Self {
            date: reader.today,
            timezone: settings.timezone.to_string(),
            ends_at: day_begins(tomorrow, &settings.timezone, settings.day_start),
            habits: habits.iter().map(on_today).collect(),
        }
    }
}

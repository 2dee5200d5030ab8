//! What the statistics answer.

use kanso_domain::calendar::{day_begins, days_before};
use kanso_domain::habits::{Habit, TargetDirection};
use kanso_domain::progress::{
    Cell, CellState, Judged, Period, PeriodTotal, Rate, Streak, Unit, UnitState, totals,
};
use kanso_domain::{Date, HabitId, Timestamp, WeekStart};

use super::{DateRange, Reader};

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
    pub(super) fn new(judged: &Judged<'_>, streak: Streak, range: DateRange) -> Self {
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
    pub(super) fn new(judged: &Judged<'_>, week_start: WeekStart) -> Self {
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
pub struct Overview {
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

impl Overview {
    pub(super) fn new(habits: &[Judged<'_>], today: Date) -> Self {
        let last = |days| {
            habits
                .iter()
                .map(|h| h.rate(days_before(today, days - 1), today))
                .sum()
        };
        let glance = |judged: &Judged<'_>| HabitGlance {
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
    /// What it is today.
    pub state: TodayState,
    /// What was recorded today, in thousandths.
    pub value: i64,
    /// The streak.
    pub streak: Streak,
}

impl HabitToday {
    /// Whether the streak ends unless something is done today.
    pub fn is_at_risk(&self, today: Date) -> bool {
        self.state == TodayState::Pending && self.streak.at_risk_until == Some(today)
    }
}

/// What a habit is today.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TodayState {
    /// The target is met.
    Done,
    /// It is asked for, and not met yet.
    Pending,
    /// A limit that was not passed so far.
    Within,
    /// A limit that was passed.
    Exceeded,
    /// A day off.
    Skip,
    /// Nothing is asked for: it is not scheduled, or this week or window is done already.
    NotDue,
}

impl TodayState {
    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Pending => "pending",
            Self::Within => "within",
            Self::Exceeded => "exceeded",
            Self::Skip => "skip",
            Self::NotDue => "not_due",
        }
    }
}

impl TodayAnswer {
    pub(super) fn new(habits: &[Judged<'_>], reader: &Reader) -> Self {
        let settings = &reader.settings;
        let tomorrow = kanso_domain::calendar::days_after(reader.today, 1);
        Self {
            date: reader.today,
            timezone: settings.timezone.to_string(),
            ends_at: day_begins(tomorrow, &settings.timezone, settings.day_start),
            habits: habits
                .iter()
                .map(|judged| habit_today(judged, reader.today))
                .collect(),
        }
    }
}

fn habit_today(judged: &Judged<'_>, today: Date) -> HabitToday {
    let unit = judged.unit_today();
    let total = judged.log().total(today);
    let target = judged.habit.details.target();
    let is_limit = target.direction() == TargetDirection::AtMost;
    let state = match unit.map(|unit| unit.state) {
        _ if !is_limit && total.is_recorded && total.meets(target) => TodayState::Done,
        _ if total.is_skipped => TodayState::Skip,
        None | Some(UnitState::Neutral(_)) => TodayState::NotDue,
        Some(_) if is_limit && total.meets(target) => TodayState::Within,
        Some(_) if is_limit => TodayState::Exceeded,
        Some(UnitState::Done) => TodayState::NotDue,
        Some(UnitState::Pending | UnitState::Missed) => TodayState::Pending,
    };
    HabitToday {
        habit: judged.habit.clone(),
        state,
        value: total.sum,
        streak: judged.streak(),
    }
}

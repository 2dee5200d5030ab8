//! Strength: how firm a habit has become, between 0 and 1, as Loop Habit Tracker scores it.
//!
//! An exponential moving average over calendar days. A day done moves the score towards 1, a day
//! not done towards 0, the faster the more often the habit is due; a day off leaves it alone.

use jiff::civil::Date;

use crate::calendar::DayNumber;
use crate::habits::{HabitType, Schedule, Target, TargetDirection};

use super::DayLog;
use super::day_log::DayTotal;

/// How often a habit is due: `times` in `days` days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// How many times.
    pub times: u32,
    /// In how many days; at least 1.
    pub days: u32,
}

impl Pace {
    /// Once a day.
    pub const DAILY: Self = Self { times: 1, days: 1 };

    fn frequency(self) -> f64 {
        f64::from(self.times) / f64::from(self.days.max(1))
    }

    /// The pace over which done days are counted: doubled for a habit that is not due each day,
    /// so that an irregular rhythm is not punished.
    const fn smoothed(self) -> Self {
        if self.times < self.days {
            Self {
                times: self.times * 2,
                days: self.days * 2,
            }
        } else {
            self
        }
    }
}

impl From<Schedule> for Pace {
    fn from(schedule: Schedule) -> Self {
        match schedule {
            Schedule::Daily => Self::DAILY,
            Schedule::Weekly { times_per_week } => Self {
                times: times_per_week.into(),
                days: 7,
            },
            Schedule::SpecificDays { weekdays } => Self {
                times: weekdays.count(),
                days: 7,
            },
            Schedule::Interval { interval } => Self {
                times: 1,
                days: interval.into(),
            },
        }
    }
}

/// The score after one more day that was done to the part `done`, between 0 and 1.
pub fn strength_step(pace: Pace, previous: f64, done: f64) -> f64 {
    let kept = 0.5_f64.powf(pace.frequency().sqrt() / 13.0);
    previous * kept + done * (1.0 - kept)
}

/// The score on each day from the first recorded one through `today`; empty when nothing was
/// recorded by then.
pub fn strength(pace: Pace, target: Target, log: &DayLog, today: Date) -> Vec<f64> {
    let today = DayNumber::of(today);
    let Some(first) = log.first_day().map(DayNumber::of) else {
        return Vec::new();
    };
    let is_limit = target.direction() == TargetDirection::AtMost;
    let (mut score, mut scores) = (if is_limit { 1.0 } else { 0.0 }, Vec::new());
    let mut window = Window::new(pace, target);
    let (mut entering, mut leaving) = (log.reader(), log.reader());
    for day in first.through(today) {
        let total = entering.on(day);
        window.add(total);
        let left = day.minus(window.length);
        if left >= first {
            window.remove(leaving.on(left));
        }
        if !total.is_skipped {
            score = strength_step(pace, score, window.done());
        }
        scores.push(score);
    }
    scores
}

/// What was done in the last days.
struct Window {
    target: Target,
    times: f64,
    length: i32,
    done_days: u32,
    sum: i64,
}

impl Window {
    fn new(pace: Pace, target: Target) -> Self {
        let counted = if target.kind() == HabitType::Boolean {
            pace.smoothed()
        } else {
            pace
        };
        Self {
            target,
            times: f64::from(counted.times.max(1)),
            length: i32::try_from(counted.days).unwrap_or(i32::MAX),
            done_days: 0,
            sum: 0,
        }
    }

    fn add(&mut self, total: DayTotal) {
        self.done_days += u32::from(total.meets(Target::TICK));
        self.sum += total.sum;
    }

    fn remove(&mut self, total: DayTotal) {
        self.done_days -= u32::from(total.meets(Target::TICK));
        self.sum -= total.sum;
    }

    /// How far the last days were what was asked for, between 0 and 1.
    #[expect(clippy::cast_precision_loss, reason = "a score is a ratio, not a sum")]
    fn done(&self) -> f64 {
        if self.target.kind() == HabitType::Boolean {
            return (f64::from(self.done_days) / self.times).min(1.0);
        }
        let sum = self.sum as f64 / 1_000.0;
        let target = self.target.value().to_f64() * self.times;
        match self.target.direction() {
            TargetDirection::AtLeast => (sum / target).min(1.0),
            TargetDirection::AtMost if target > 0.0 => {
                (1.0 - (sum - target) / target).clamp(0.0, 1.0)
            }
            TargetDirection::AtMost => f64::from(u8::from(self.sum == 0)),
        }
    }
}

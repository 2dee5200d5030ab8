//! Strength: the firmness of a habit between 0 and 1, by the formula of Loop Habit Tracker.
//!
//! It is an exponential moving average over calendar days. A done day moves the score towards 1 and
//! another day towards 0, the faster the more often the habit is due. A day off leaves the score as
//! it is.

use jiff::civil::Date;

use crate::calendar::DayNumber;
use crate::habits::{HabitType, Schedule, Target, TargetDirection};

use super::DayLog;
use super::day_log::DayTotal;

/// The frequency of a habit: `times` in `days` days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Number of times.
    pub times: u32,
    /// Number of days, at least 1.
    pub days: u32,
}

impl Pace {
    /// Once a day.
    pub const DAILY: Self = Self { times: 1, days: 1 };

    fn frequency(self) -> f64 {
        f64::from(self.times) / f64::from(self.days.max(1))
    }

    /// Returns the pace over which done days are counted.
    ///
    /// It is doubled for a habit that is not due each day, so that an irregular rhythm does not
    /// lower the score.
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

/// Returns the score after one more day, of which the share `done` between 0 and 1 was done.
///
/// ```
/// use kanso_domain::progress::{Pace, strength_step};
///
/// // A daily habit takes 13 days to get half way from any score to 1.
/// let score = (0..13).fold(0.0, |score, _| strength_step(Pace::DAILY, score, 1.0));
/// assert!((score - 0.5_f64).abs() < 1e-9);
/// ```
pub fn strength_step(pace: Pace, previous: f64, done: f64) -> f64 {
    // For a daily habit the half-life is 13 done days. It grows with the square root of the
    // interval: a weekly habit needs 34 days and 5 repetitions. The constants are those of Loop.
    let kept = 0.5_f64.powf(pace.frequency().sqrt() / 13.0);
    previous * kept + done * (1.0 - kept)
}

/// Returns the score of each day from the first entry through `today`. It is empty if there is no
/// entry by then.
pub fn strength(pace: Pace, target: Target, log: &DayLog, today: Date) -> Vec<f64> {
    let today = DayNumber::of(today);
    let Some(first) = log.first_day().map(DayNumber::of) else {
        return Vec::new();
    };
    let is_limit = target.direction() == TargetDirection::AtMost;
    // A limit counts as kept until it is exceeded, so its score starts at 1.
    let (mut score, mut scores) = (if is_limit { 1.0 } else { 0.0 }, Vec::new());
    let mut window = Window::new(pace, target);
    // Two readers over one log: a day enters the window at one end and leaves it at the other, so
    // each day is read twice and never searched.
    let (mut entering, mut leaving) = (log.reader(), log.reader());
    for day in first.through(today) {
        let total = entering.on(day);
        window.add(total);
        let left = day.minus(window.length);
        if left >= first {
            window.remove(leaving.on(left));
        }
        // A day off does not change the score, but its amounts stay in the window.
        if !total.is_skipped {
            score = strength_step(pace, score, window.done());
        }
        scores.push(score);
    }
    scores
}

/// The amounts in the window of the last days.
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

    /// Returns the reached share of the target in the window, between 0 and 1.
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

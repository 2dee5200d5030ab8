//! Rates: how much of what was due was done.

use jiff::civil::Date;

use crate::calendar::DayNumber;

use super::units::{UnitState, visit};
use super::{DayLog, Plan};

/// Units done and units missed. Open, neutral and unscheduled ones are in neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Rate {
    /// Units that are done.
    pub done: u32,
    /// Units that are over and were not done.
    pub missed: u32,
}

impl Rate {
    /// How many units were due.
    pub const fn due(self) -> u32 {
        self.done + self.missed
    }

    /// The part of the due units that was done, in percent; `None` when nothing was due.
    pub fn percent(self) -> Option<f64> {
        (self.due() > 0).then(|| f64::from(self.done) * 100.0 / f64::from(self.due()))
    }
}

/// The overall rate of several habits divides the sums; it does not average averages.
impl std::iter::Sum for Rate {
    fn sum<I: Iterator<Item = Self>>(rates: I) -> Self {
        rates.fold(Self::default(), |sum, rate| Self {
            done: sum.done + rate.done,
            missed: sum.missed + rate.missed,
        })
    }
}

/// The rate over the units that end between `from` and `to`, inclusive, so that the rates of
/// ranges that follow each other add up. A unit still open at its end counts when it is done.
pub fn rate(plan: &Plan, log: &DayLog, today: Date, from: Date, to: Date) -> Rate {
    let range = DayNumber::of(from)..=DayNumber::of(to);
    let mut rate = Rate::default();
    visit(plan, log, DayNumber::of(today), |unit| {
        if range.contains(&unit.last()) {
            match unit.state {
                UnitState::Done => rate.done += 1,
                UnitState::Missed => rate.missed += 1,
                UnitState::Neutral(_) | UnitState::Pending => {}
            }
        }
    });
    rate
}

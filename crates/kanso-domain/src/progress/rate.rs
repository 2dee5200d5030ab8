//! Rates: the share of due units that are done.

use jiff::civil::Date;

use crate::calendar::DayNumber;

use super::units::{UnitState, visit};
use super::{DayLog, Plan};

/// The numbers of done and missed units. Pending and neutral units are in neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Rate {
    /// Number of done units.
    pub done: u32,
    /// Number of units that are over and were not done.
    pub missed: u32,
}

impl Rate {
    /// Returns the number of due units.
    pub const fn due(self) -> u32 {
        self.done + self.missed
    }

    /// Returns the share of the due units that are done in percent, or `None` if none was due.
    pub fn percent(self) -> Option<f64> {
        (self.due() > 0).then(|| f64::from(self.done) * 100.0 / f64::from(self.due()))
    }
}

/// Adds the numbers of several habits. The overall rate is not an average of averages.
impl std::iter::Sum for Rate {
    fn sum<I: Iterator<Item = Self>>(rates: I) -> Self {
        rates.fold(Self::default(), |sum, rate| Self {
            done: sum.done + rate.done,
            missed: sum.missed + rate.missed,
        })
    }
}

/// Returns the rate over the units that end between `from` and `to`, inclusive.
///
/// A unit belongs to the range of its last day, so the rates of adjacent ranges add up. A unit that
/// is still open counts once it is done.
pub fn rate(plan: &Plan, log: &DayLog, today: Date, from: Date, to: Date) -> Rate {
    let range = DayNumber::of(from)..=DayNumber::of(to);
    let mut rate = Rate::default();
    visit(plan, log, DayNumber::of(today), |unit| {
        // By the last day, not the first: a week that is still open is then counted with the range
        // in which it ends.
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

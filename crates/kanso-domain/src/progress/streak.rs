//! Streaks: units done in a row.

use jiff::civil::Date;

use crate::calendar::DayNumber;
use crate::habits::FrequencyType;

use super::units::{UnitState, visit};
use super::{DayLog, Plan};

/// How many units in a row are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Streak {
    /// Up to now; an open unit neither counts nor breaks it.
    pub current: u32,
    /// At its longest.
    pub longest: u32,
    /// What is counted now.
    pub unit: UnitName,
    /// The first day of the first unit of the current streak.
    pub since: Option<Date>,
    /// The last day on which something can be done to keep the current streak; none when there is
    /// no streak, or nothing is open.
    pub at_risk_until: Option<Date>,
}

/// What a streak counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnitName {
    /// Days.
    Day,
    /// Weeks.
    Week,
    /// Windows of some days.
    Window,
}

impl UnitName {
    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Window => "window",
        }
    }
}

impl From<FrequencyType> for UnitName {
    fn from(frequency: FrequencyType) -> Self {
        match frequency {
            FrequencyType::Daily | FrequencyType::SpecificDays => Self::Day,
            FrequencyType::Weekly => Self::Week,
            FrequencyType::Interval => Self::Window,
        }
    }
}

/// The streak of `plan` on `today`.
pub fn streak(plan: &Plan, log: &DayLog, today: Date) -> Streak {
    let (mut current, mut longest, mut since, mut open) = (0_u32, 0_u32, None, None);
    visit(plan, log, DayNumber::of(today), |unit| match unit.state {
        UnitState::Done => {
            since = since.or(Some(unit.first()));
            current += 1;
            longest = longest.max(current);
        }
        UnitState::Missed => (current, since) = (0, None),
        UnitState::Pending => open = Some(unit.last()),
        UnitState::Neutral(_) => {}
    });
    Streak {
        current,
        longest,
        unit: plan.version_on(today).schedule.frequency_type().into(),
        since: since.map(DayNumber::date),
        at_risk_until: open.filter(|_| current > 0).map(DayNumber::date),
    }
}

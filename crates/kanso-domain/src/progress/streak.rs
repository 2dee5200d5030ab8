//! Streaks: done units in a row.

use jiff::civil::Date;

use crate::calendar::DayNumber;
use crate::habits::FrequencyType;

use super::units::{UnitState, visit};
use super::{DayLog, Plan};

/// The streak of a habit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Streak {
    /// Number of done units in a row up to now. A pending unit neither counts nor breaks the
    /// streak.
    pub current: u32,
    /// Largest number of done units in a row.
    pub longest: u32,
    /// Unit of the schedule in force.
    pub unit: UnitName,
    /// First day of the first unit of the current streak.
    pub since: Option<Date>,
    /// Last day on which an entry can keep the current streak; `None` without a streak or a pending
    /// unit.
    pub at_risk_until: Option<Date>,
}

/// The units of a streak.
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
    /// Every unit.
    pub const ALL: [Self; 3] = [Self::Day, Self::Week, Self::Window];

    /// Returns the stable name of the unit, as the protocol uses it.
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

/// Returns the streak of `plan` on `today`.
///
/// ```
/// use jiff::civil::date;
/// use kanso_domain::entries::EntryKind;
/// use kanso_domain::habits::{Schedule, ScheduleHistory, Target};
/// use kanso_domain::progress::{DayLog, Plan, PlanSource, streak};
/// use kanso_domain::{DayStart, Quantity, WeekStart, Zone};
///
/// let january = |day| date(2026, 1, day);
/// let log: DayLog = [12, 13, 14]
///     .map(|day| (january(day), EntryKind::Value, Quantity::ONE))
///     .into_iter()
///     .collect();
/// let history = ScheduleHistory::starting(january(1), Schedule::Daily, Target::TICK);
/// let source = PlanSource {
///     history: &history,
///     start_date: None,
///     created_on: history.begins(),
///     end_date: None,
///     archived: &[],
///     week_start: WeekStart::Monday,
///     zone: &Zone::utc(),
///     day_start: DayStart::MIDNIGHT,
/// };
/// let plan = Plan::new(&source, &log, january(15));
///
/// // Today is open: it does not break the streak yet.
/// let streak = streak(&plan, &log, january(15));
/// assert_eq!((streak.current, streak.since), (3, Some(january(12))));
/// assert_eq!(streak.at_risk_until, Some(january(15)));
/// ```
pub fn streak(plan: &Plan, log: &DayLog, today: Date) -> Streak {
    let (mut current, mut longest, mut since, mut open) = (0_u32, 0_u32, None, None);
    visit(plan, log, DayNumber::of(today), |unit| match unit.state {
        UnitState::Done => {
            since = since.or(Some(unit.first()));
            current += 1;
            longest = longest.max(current);
        }
        // Only a missed unit ends a streak. A neutral one is passed over, so a streak continues
        // after an archived week.
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

//! Schedules: the days on which a habit is due.

use crate::member::Member;
use crate::validation::Checker;

/// A set of days of the week, 0 = Sunday to 6 = Saturday, with at least one day.
///
/// ```
/// use kanso_domain::habits::Weekdays;
///
/// let weekend = Weekdays::new(&[6, 0]).expect("two valid days");
/// assert_eq!(weekend.days(), [0, 6]);
/// assert!(weekend.contains(6));
/// assert_eq!(Weekdays::new(&[]), None);
/// assert_eq!(Weekdays::new(&[7]), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Weekdays(u8);

impl Weekdays {
    /// Returns the set of `days`, or `None` if it is empty or has a number above 6.
    pub fn new(days: &[u8]) -> Option<Self> {
        let mask = days
            .iter()
            .try_fold(0_u8, |mask, &day| (day <= 6).then(|| mask | (1 << day)))?;
        (mask != 0).then_some(Self(mask))
    }

    /// Returns the days in ascending order.
    pub fn days(self) -> Vec<u8> {
        (0..=6).filter(|&day| self.contains(day)).collect()
    }

    /// Returns the number of days.
    pub const fn count(self) -> u32 {
        self.0.count_ones()
    }

    /// Returns true if the set has `day` (0 = Sunday).
    pub const fn contains(self, day: u8) -> bool {
        day <= 6 && self.0 & (1 << day) != 0
    }
}

/// The kinds of schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrequencyType {
    /// Each day.
    Daily,
    /// A number of days of each week.
    Weekly,
    /// Chosen days of each week.
    SpecificDays,
    /// Once in each window of some days.
    Interval,
}

impl FrequencyType {
    /// All kinds.
    pub const ALL: [Self; 4] = [
        Self::Daily,
        Self::Weekly,
        Self::SpecificDays,
        Self::Interval,
    ];

    /// Returns the stable name of the kind. Storages and the protocol use it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::SpecificDays => "specific_days",
            Self::Interval => "interval",
        }
    }
}

/// The schedule of a habit.
///
/// ```
/// use kanso_domain::habits::{Schedule, ScheduleFields};
/// use kanso_domain::validation::Checker;
///
/// let fields = ScheduleFields { times_per_week: Some(3), ..ScheduleFields::default() };
/// let mut checker = Checker::new();
/// let schedule = Schedule::create(&fields, &mut checker);
/// assert_eq!(schedule, Some(Schedule::Weekly { times_per_week: 3 }));
///
/// let fields = ScheduleFields { times_per_week: Some(8), ..fields };
/// assert_eq!(Schedule::create(&fields, &mut checker), None);
/// let invalid = checker.finish(()).expect_err("eight days a week");
/// assert_eq!(invalid.to_string(), "times_per_week: must be between 1 and 7");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Schedule {
    /// Each day.
    Daily,
    /// On `times_per_week` distinct days of each week, 1 to 7.
    Weekly {
        /// Number of days.
        times_per_week: u8,
    },
    /// On chosen days of each week.
    SpecificDays {
        /// Days of the week.
        weekdays: Weekdays,
    },
    /// Once in each window of `interval` days, at least 1.
    Interval {
        /// Length of the window in days.
        interval: u16,
    },
}

/// Longest interval in days: ten years.
const INTERVAL_MAX: u16 = 3_660;

/// The members of a request about a schedule.
///
/// `None` is an absent member or `null`. A neutral value (no weekdays, an interval of 1) means the
/// same: it goes with every kind, so that a client can send a whole record back.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ScheduleFields {
    /// Kind of schedule.
    pub frequency_type: Option<FrequencyType>,
    /// Days, for [`Schedule::SpecificDays`].
    pub weekdays: Option<Vec<u8>>,
    /// Length of the window in days, for [`Schedule::Interval`].
    pub interval: Option<u16>,
    /// Number of days a week, for [`Schedule::Weekly`].
    pub times_per_week: Option<u8>,
}

impl ScheduleFields {
    /// Returns the members that describe `schedule` completely.
    pub fn of(schedule: Schedule) -> Self {
        Self {
            frequency_type: Some(schedule.frequency_type()),
            weekdays: schedule.weekdays().map(Weekdays::days),
            interval: schedule.interval(),
            times_per_week: schedule.times_per_week(),
        }
    }

    /// Returns the members whose value differs from `stored`.
    pub fn differing(&self, stored: Schedule) -> Vec<Member> {
        let kind = self
            .frequency_type
            .is_some_and(|kind| kind != stored.frequency_type());
        let days = self
            .weekdays
            .as_ref()
            .is_some_and(|days| Weekdays::new(days) != stored.weekdays());
        let interval = self
            .interval
            .is_some_and(|days| days != stored.interval().unwrap_or(1));
        let times = self.times_per_week.is_some() && self.times_per_week != stored.times_per_week();
        [
            (Member::FrequencyType, kind),
            (Member::Weekdays, days),
            (Member::Interval, interval),
            (Member::TimesPerWeek, times),
        ]
        .into_iter()
        .filter_map(|(member, differs)| differs.then_some(member))
        .collect()
    }

    fn given_weekdays(&self) -> Option<&[u8]> {
        self.weekdays.as_deref().filter(|days| !days.is_empty())
    }

    /// Returns the kind that the given members imply. It is used if no kind is given.
    fn implied_type(&self) -> FrequencyType {
        if self.given_weekdays().is_some() {
            FrequencyType::SpecificDays
        } else if self.times_per_week.is_some() {
            FrequencyType::Weekly
        } else if self.interval.is_some_and(|days| days > 1) {
            FrequencyType::Interval
        } else {
            FrequencyType::Daily
        }
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Schedule {
    /// Returns the kind.
    pub const fn frequency_type(self) -> FrequencyType {
        match self {
            Self::Daily => FrequencyType::Daily,
            Self::Weekly { .. } => FrequencyType::Weekly,
            Self::SpecificDays { .. } => FrequencyType::SpecificDays,
            Self::Interval { .. } => FrequencyType::Interval,
        }
    }

    /// Returns the chosen days, if the schedule has them.
    pub const fn weekdays(self) -> Option<Weekdays> {
        if let Self::SpecificDays { weekdays } = self {
            Some(weekdays)
        } else {
            None
        }
    }

    /// Returns the length of the window in days, if the schedule has one.
    pub const fn interval(self) -> Option<u16> {
        if let Self::Interval { interval } = self {
            Some(interval)
        } else {
            None
        }
    }

    /// Returns the number of days a week, if the schedule has one.
    pub const fn times_per_week(self) -> Option<u8> {
        if let Self::Weekly { times_per_week } = self {
            Some(times_per_week)
        } else {
            None
        }
    }

    /// Returns the schedule that `fields` describe, with defaults for absent members. Errors go to
    /// `checker`.
    pub fn create(fields: &ScheduleFields, checker: &mut Checker) -> Option<Self> {
        let kind = fields
            .frequency_type
            .unwrap_or_else(|| fields.implied_type());
        Self::build(kind, None, fields, checker)
    }

    pub(super) fn updated(self, fields: &ScheduleFields, checker: &mut Checker) -> Option<Self> {
        // The usual update of a title or colour.
        if fields.is_empty() {
            return Some(self);
        }
        // No implied kind: a partial update must not change the kind by accident.
        let kind = fields.frequency_type.unwrap_or(self.frequency_type());
        Self::build(kind, Some(self), fields, checker)
    }

    /// Returns a schedule of `kind` from `fields`. Absent members come from `stored`.
    fn build(
        kind: FrequencyType,
        stored: Option<Self>,
        fields: &ScheduleFields,
        checker: &mut Checker,
    ) -> Option<Self> {
        let refuse_if_given = |checker: &mut Checker, field, given: bool| {
            if given {
                let name = kind.as_str();
                checker.refuse(field, format!("does not go with frequency_type {name}"));
            }
        };
        if kind != FrequencyType::SpecificDays {
            refuse_if_given(checker, "weekdays", fields.given_weekdays().is_some());
        }
        if kind != FrequencyType::Interval {
            refuse_if_given(
                checker,
                "interval",
                fields.interval.is_some_and(|days| days != 1),
            );
        }
        if kind != FrequencyType::Weekly {
            refuse_if_given(checker, "times_per_week", fields.times_per_week.is_some());
        }
        match kind {
            FrequencyType::Daily => Some(Self::Daily),
            FrequencyType::Weekly => {
                let stored = stored.and_then(Self::times_per_week);
                let times_per_week = fields.times_per_week.or(stored).unwrap_or(1);
                if !(1..=7).contains(&times_per_week) {
                    checker.refuse("times_per_week", "must be between 1 and 7");
                    return None;
                }
                Some(Self::Weekly { times_per_week })
            }
            FrequencyType::SpecificDays => {
                let stored = stored.and_then(Self::weekdays);
                let weekdays = match &fields.weekdays {
                    Some(days) => Weekdays::new(days),
                    None => stored,
                };
                if weekdays.is_none() {
                    let rule = "must name at least one day, each between 0 (Sunday) and 6";
                    checker.refuse("weekdays", rule);
                }
                Some(Self::SpecificDays {
                    weekdays: weekdays?,
                })
            }
            FrequencyType::Interval => {
                let stored = stored.and_then(Self::interval);
                let Some(interval @ 1..=INTERVAL_MAX) = fields.interval.or(stored) else {
                    checker.refuse("interval", format!("must be between 1 and {INTERVAL_MAX}"));
                    return None;
                };
                Some(Self::Interval { interval })
            }
        }
    }
}

#[cfg(test)]
mod tests;

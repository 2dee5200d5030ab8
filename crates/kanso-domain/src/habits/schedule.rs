//! How often a habit is due.

use crate::member::Member;
use crate::validation::Checker;

/// The days of a week, 0 = Sunday to 6 = Saturday; at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Weekdays(u8);

impl Weekdays {
    /// The set of `days`; `None` when it is empty or a number is above 6.
    pub fn new(days: &[u8]) -> Option<Self> {
        let mask = days
            .iter()
            .try_fold(0_u8, |mask, &day| (day <= 6).then(|| mask | (1 << day)))?;
        (mask != 0).then_some(Self(mask))
    }

    /// The days in ascending order.
    pub fn days(self) -> Vec<u8> {
        (0..=6).filter(|&day| self.contains(day)).collect()
    }

    /// How many days.
    pub const fn count(self) -> u32 {
        self.0.count_ones()
    }

    /// Whether `day` (0 = Sunday) is among them.
    pub const fn contains(self, day: u8) -> bool {
        day <= 6 && self.0 & (1 << day) != 0
    }
}

/// The kinds of schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrequencyType {
    /// Each day.
    Daily,
    /// So many days of each week.
    Weekly,
    /// Chosen days of each week.
    SpecificDays,
    /// Once in each window of so many days.
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

    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::SpecificDays => "specific_days",
            Self::Interval => "interval",
        }
    }
}

/// When a habit is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Schedule {
    /// Each day.
    Daily,
    /// On `times_per_week` distinct days of each week, 1 to 7.
    Weekly {
        /// How many days.
        times_per_week: u8,
    },
    /// On chosen days of each week.
    SpecificDays {
        /// Which days.
        weekdays: Weekdays,
    },
    /// Once in each window of `interval` days, at least 1.
    Interval {
        /// The window's length in days.
        interval: u16,
    },
}

/// The longest interval, in days: ten years.
const INTERVAL_MAX: u16 = 3_660;

/// What a request says about a schedule. `None` was left out or, for a member that has a neutral
/// value (`null`, no weekdays, an interval of 1), says nothing beyond `frequency_type`.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ScheduleFields {
    /// The kind of schedule.
    pub frequency_type: Option<FrequencyType>,
    /// For [`Schedule::SpecificDays`].
    pub weekdays: Option<Vec<u8>>,
    /// For [`Schedule::Interval`].
    pub interval: Option<u16>,
    /// For [`Schedule::Weekly`].
    pub times_per_week: Option<u8>,
}

impl ScheduleFields {
    /// The members that describe `schedule` completely.
    pub fn of(schedule: Schedule) -> Self {
        Self {
            frequency_type: Some(schedule.frequency_type()),
            weekdays: schedule.weekdays().map(Weekdays::days),
            interval: schedule.interval(),
            times_per_week: schedule.times_per_week(),
        }
    }

    /// The wire names of the members that say something else than `stored` does.
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

    /// The kind that follows from the members that are there, when none is named.
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
    /// Its kind.
    pub const fn frequency_type(self) -> FrequencyType {
        match self {
            Self::Daily => FrequencyType::Daily,
            Self::Weekly { .. } => FrequencyType::Weekly,
            Self::SpecificDays { .. } => FrequencyType::SpecificDays,
            Self::Interval { .. } => FrequencyType::Interval,
        }
    }

    /// The chosen days, of a schedule that has them.
    pub const fn weekdays(self) -> Option<Weekdays> {
        if let Self::SpecificDays { weekdays } = self {
            Some(weekdays)
        } else {
            None
        }
    }

    /// The window in days, of a schedule that has one.
    pub const fn interval(self) -> Option<u16> {
        if let Self::Interval { interval } = self {
            Some(interval)
        } else {
            None
        }
    }

    /// The number of days a week, of a schedule that has one.
    pub const fn times_per_week(self) -> Option<u8> {
        if let Self::Weekly { times_per_week } = self {
            Some(times_per_week)
        } else {
            None
        }
    }

    /// What `fields` describe, with defaults for the rest; what is wrong is noted.
    pub fn create(fields: &ScheduleFields, checker: &mut Checker) -> Option<Self> {
        let kind = fields
            .frequency_type
            .unwrap_or_else(|| fields.implied_type());
        Self::build(kind, None, fields, checker)
    }

    pub(super) fn updated(self, fields: &ScheduleFields, checker: &mut Checker) -> Option<Self> {
        if fields.is_empty() {
            return Some(self);
        }
        let kind = fields.frequency_type.unwrap_or(self.frequency_type());
        Self::build(kind, Some(self), fields, checker)
    }

    /// A schedule of `kind` from `fields`, and from `stored` for what they leave out.
    fn build(
        kind: FrequencyType,
        stored: Option<Self>,
        fields: &ScheduleFields,
        checker: &mut Checker,
    ) -> Option<Self> {
        let foreign = |checker: &mut Checker, field, given: bool| {
            if given {
                let name = kind.as_str();
                checker.refuse(field, format!("does not go with frequency_type {name}"));
            }
        };
        if kind != FrequencyType::SpecificDays {
            foreign(checker, "weekdays", fields.given_weekdays().is_some());
        }
        if kind != FrequencyType::Interval {
            foreign(
                checker,
                "interval",
                fields.interval.is_some_and(|days| days != 1),
            );
        }
        if kind != FrequencyType::Weekly {
            foreign(checker, "times_per_week", fields.times_per_week.is_some());
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

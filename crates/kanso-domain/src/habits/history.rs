//! The schedule and target of a habit over time. An edit applies from a day on; the past stays.

use jiff::civil::Date;

use super::{Schedule, Target};
use crate::calendar::{DayNumber, days_before};

/// The schedule and target of a habit from a day on, until the next version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScheduleVersion {
    /// First day to which the version applies. The first version also applies to all days before.
    pub effective_from: Date,
    /// Schedule.
    pub schedule: Schedule,
    /// Target.
    pub target: Target,
}

/// The day from which an edit of a schedule or target applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EffectiveFrom {
    /// From the start of the habit. The past is evaluated again.
    Start,
    /// From this day on.
    Day(Date),
}

impl std::str::FromStr for EffectiveFrom {
    type Err = NotAnEffectiveFrom;

    fn from_str(text: &str) -> Result<Self, NotAnEffectiveFrom> {
        match text {
            "start" => Ok(Self::Start),
            _ => crate::time::parse_date(text)
                .map(Self::Day)
                .ok_or(NotAnEffectiveFrom),
        }
    }
}

/// The error for a text that is neither a date nor `start`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a date YYYY-MM-DD or \"start\"")]
pub struct NotAnEffectiveFrom;

/// The versions of the schedule and target of a habit.
///
/// There is at least one. Their first days strictly ascend, and the newest version is in force now.
///
/// ```
/// use jiff::civil::date;
/// use kanso_domain::habits::{EffectiveFrom, Schedule, ScheduleHistory, Target};
///
/// let history = ScheduleHistory::starting(date(2026, 1, 1), Schedule::Daily, Target::TICK);
/// let weekly = Schedule::Weekly { times_per_week: 3 };
/// let from = EffectiveFrom::Day(date(2026, 2, 1));
/// let history = history.edited(weekly, Target::TICK, from, date(2026, 1, 1));
///
/// assert_eq!(history.on(date(2026, 1, 31)).schedule, Schedule::Daily);
/// assert_eq!(history.on(date(2026, 2, 1)).schedule, weekly);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleHistory {
    first: ScheduleVersion,
    later: Vec<ScheduleVersion>,
}

impl ScheduleHistory {
    /// Returns the history of a habit that was created on `day`.
    pub const fn starting(day: Date, schedule: Schedule, target: Target) -> Self {
        let first = ScheduleVersion {
            effective_from: day,
            schedule,
            target,
        };
        Self {
            first,
            later: Vec::new(),
        }
    }

    /// Returns the history of stored versions, or `None` if there is none or they are out of order.
    pub fn restored(versions: Vec<ScheduleVersion>) -> Option<Self> {
        // `on` needs this order for its binary search. The data come from a storage, so the order
        // is checked and not assumed.
        let is_ordered = versions
            .windows(2)
            .all(|pair| pair[0].effective_from < pair[1].effective_from);
        let mut versions = versions.into_iter();
        let first = versions.next().filter(|_| is_ordered)?;
        Some(Self {
            first,
            later: versions.collect(),
        })
    }

    /// Returns the day on which the habit was created, or an earlier one: the day before an edit that
    /// applies from an earlier day and left a past to the first version.
    pub const fn begins(&self) -> Date {
        self.first.effective_from
    }

    /// Returns the versions, oldest first.
    pub fn versions(&self) -> impl DoubleEndedIterator<Item = &ScheduleVersion> + Clone {
        std::iter::once(&self.first).chain(&self.later)
    }

    /// Returns the version in force now.
    pub fn newest(&self) -> &ScheduleVersion {
        self.later.last().unwrap_or(&self.first)
    }

    /// Returns the version in force on `date`.
    pub fn on(&self, date: Date) -> &ScheduleVersion {
        // Binary search: statistics over years ask for every day.
        let begun = self
            .later
            .partition_point(|version| version.effective_from <= date);
        begun
            .checked_sub(1)
            .map_or(&self.first, |place| &self.later[place])
    }

    /// Returns the history after an edit to `schedule` and `target`. `first_day` is the first day that
    /// counts ([`super::HabitDetails::first_day`]).
    ///
    /// Versions that begin on the first day of the edit or later are replaced. The version that judged
    /// the days before goes on judging them. If none of them counts, there is nothing to judge, and the
    /// edit replaces it too: it mends a habit that was created by mistake. An edit that changes nothing
    /// on its day adds no version.
    #[must_use]
    pub fn edited(
        mut self,
        schedule: Schedule,
        target: Target,
        from: EffectiveFrom,
        first_day: Date,
    ) -> Self {
        let created_on = self.first.effective_from;
        let anew = Self::starting(created_on, schedule, target);
        let EffectiveFrom::Day(day) = from else {
            return anew;
        };
        if day <= created_on {
            if day <= first_day || (self.first.schedule, self.first.target) == (schedule, target) {
                return anew;
            }
            // The first version also applies to all days before its own, such as those of an import.
            // It begins a day before the edit now, because the days of two versions must differ.
            self.first.effective_from = days_before(day, 1);
        }
        self.later.retain(|version| version.effective_from < day);
        let before = self.newest();
        if (before.schedule, before.target) != (schedule, target) {
            self.later.push(ScheduleVersion {
                effective_from: day,
                schedule,
                target,
            });
        }
        self
    }
}

/// A span of days on which a habit was archived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArchivedSpan {
    /// First day of the span.
    pub from: Date,
    /// Day on which the habit became active again; `None` while it is archived.
    pub until: Option<Date>,
}

impl ArchivedSpan {
    /// Returns true if the habit was archived on `day`, or on a part of it.
    pub fn contains(&self, day: DayNumber) -> bool {
        DayNumber::of(self.from) <= day && self.until.is_none_or(|until| day < DayNumber::of(until))
    }
}

/// Returns the spans after the habit was archived on `archived_on`, or became active again on
/// `today`.
pub(super) fn archived(
    mut spans: Vec<ArchivedSpan>,
    archived_on: Option<Date>,
    today: Date,
) -> Vec<ArchivedSpan> {
    let open = spans.pop_if(|span| span.until.is_none());
    match (open, archived_on) {
        (_, Some(from)) => {
            // Clients may archive from a past day, so the new span may begin before or inside older
            // ones. Spans must not overlap.
            spans.retain(|span| span.from < from);
            if let Some(last) = spans.last_mut() {
                last.until = last.until.map(|until| until.min(from));
            }
            spans.push(ArchivedSpan { from, until: None });
        }
        // A habit that is archived and activated on one day was never archived for a whole day, so
        // that span is dropped.
        (Some(span), None) if span.from < today => {
            spans.push(ArchivedSpan {
                until: Some(today),
                ..span
            });
        }
        (Some(_) | None, None) => {}
    }
    spans
}

#[cfg(test)]
mod tests;

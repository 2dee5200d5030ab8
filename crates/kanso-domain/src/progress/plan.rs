//! The plan of a habit: its schedule and target, day by day.

use jiff::civil::Date;

use crate::accounts::Settings;
use crate::calendar::{DayNumber, skipped_days};
use crate::habits::{
    ArchivedSpan, Habit, HabitDetails, Schedule, ScheduleHistory, ScheduleVersion, Target,
    first_day,
};
use crate::{DayStart, WeekStart, Zone};

use super::DayLog;

/// Everything that decides on the state of the days of one habit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    history: ScheduleHistory,
    first_day: Date,
    end_date: Option<Date>,
    archived: Vec<ArchivedSpan>,
    week_start: WeekStart,
    skipped_days: Vec<DayNumber>,
}

/// The source of a [`Plan`].
#[derive(Clone, Debug)]
pub struct PlanSource<'a> {
    /// Schedule and target over time.
    pub history: &'a ScheduleHistory,
    /// First day that counts, if the user set one.
    pub start_date: Option<Date>,
    /// Day on which the habit was created.
    pub created_on: Date,
    /// Last day that counts.
    pub end_date: Option<Date>,
    /// Spans of days on which the habit was archived.
    pub archived: &'a [ArchivedSpan],
    /// First day of the week of the user.
    pub week_start: WeekStart,
    /// Zone of the user. It decides which dates do not exist.
    pub zone: &'a Zone,
    /// Time at which the days of the user begin.
    pub day_start: DayStart,
}

impl<'a> PlanSource<'a> {
    /// Returns the source of the plan of `habit` for a user with `settings`.
    pub fn of(habit: &'a Habit, settings: &'a Settings) -> Self {
        let HabitDetails {
            history,
            start_date,
            end_date,
            archived_spans,
            ..
        } = &habit.details;
        Self {
            history,
            start_date: *start_date,
            created_on: history.begins(),
            end_date: *end_date,
            archived: archived_spans,
            week_start: settings.week_start,
            zone: &settings.timezone,
            day_start: settings.day_start,
        }
    }
}

impl Plan {
    /// Returns the plan of a habit with the entries in `log`, up to `today`.
    ///
    /// Days count from [`HabitDetails::first_day`].
    pub fn new(source: &PlanSource<'_>, log: &DayLog, today: Date) -> Self {
        let first_day = first_day(source.start_date, source.created_on, log.first_day());
        Self {
            history: source.history.clone(),
            first_day,
            end_date: source.end_date,
            archived: source.archived.to_vec(),
            week_start: source.week_start,
            skipped_days: skipped_days(source.zone, source.day_start, first_day, today),
        }
    }

    /// Returns the first day that counts.
    pub const fn first_day(&self) -> Date {
        self.first_day
    }

    /// Returns the version in force on `date`.
    pub fn version_on(&self, date: Date) -> &ScheduleVersion {
        self.history.on(date)
    }

    /// Returns the parts of the active range through `last` to which one version each applies.
    ///
    /// Parts that begin after `last` are left out. The last part may reach beyond it.
    pub(super) fn segments(&self, last: DayNumber) -> impl Iterator<Item = Segment> {
        let end = self.end_date.map(DayNumber::of);
        let first_day = DayNumber::of(self.first_day);
        let begins = |version: &ScheduleVersion| DayNumber::of(version.effective_from);
        let next = self.history.versions().skip(1).map(Some).chain([None]);
        let versions = self.history.versions().zip(next).enumerate();
        versions.filter_map(move |(place, (version, next))| {
            // The first version also applies to days before its own first day: the user may have
            // filled in a past.
            let first = if place == 0 {
                first_day
            } else {
                first_day.max(begins(version))
            };
            // A version ends on the day before the next one begins, or at the end of the habit,
            // whichever is earlier.
            let until = next.map(|next| begins(next).minus(1));
            let border = match (until, end) {
                (Some(until), Some(end)) => Some(until.min(end)),
                (until, end) => until.or(end),
            };
            let is_empty = border.is_some_and(|border| border < first) || first > last;
            (!is_empty).then_some(Segment {
                schedule: version.schedule,
                target: version.target,
                first,
                last: border,
            })
        })
    }

    /// Returns true if the habit was archived on `day`.
    pub(super) fn is_archived(&self, day: DayNumber) -> bool {
        self.archived.iter().any(|span| span.contains(day))
    }

    /// Returns true if any instant counts for `day`.
    pub(super) fn exists(&self, day: DayNumber) -> bool {
        !self.skipped_days.contains(&day)
    }

    pub(super) const fn week_start(&self) -> WeekStart {
        self.week_start
    }

    pub(super) fn contains(&self, day: DayNumber) -> bool {
        DayNumber::of(self.first_day) <= day
            && self.end_date.is_none_or(|end| day <= DayNumber::of(end))
    }
}

/// A range of days to which one version applies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub(super) schedule: Schedule,
    pub(super) target: Target,
    pub(super) first: DayNumber,
    /// Last day; `None` if the range is open.
    pub(super) last: Option<DayNumber>,
}

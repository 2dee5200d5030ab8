//! What was asked of a person, day by day.

use jiff::civil::Date;

use crate::accounts::Settings;
use crate::calendar::{DayNumber, skipped_days};
use crate::habits::{
    ArchivedSpan, Habit, HabitDetails, Schedule, ScheduleHistory, ScheduleVersion, Target,
};
use crate::{DayStart, WeekStart, Zone};

use super::{DayLog, NeutralReason};

/// All that decides how the days of one habit are judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    history: ScheduleHistory,
    first_day: Date,
    end_date: Option<Date>,
    archived: Vec<ArchivedSpan>,
    week_start: WeekStart,
    skipped_days: Vec<DayNumber>,
}

/// What a [`Plan`] is made from.
#[derive(Clone, Debug)]
pub struct PlanSource<'a> {
    /// What was asked for.
    pub history: &'a ScheduleHistory,
    /// The first day that counts, if the person set one.
    pub start_date: Option<Date>,
    /// The day on which the habit was created.
    pub created_on: Date,
    /// The last day that counts.
    pub end_date: Option<Date>,
    /// When it was put away.
    pub archived: &'a [ArchivedSpan],
    /// The person's first day of the week.
    pub week_start: WeekStart,
    /// The person's zone: it decides which dates do not exist.
    pub zone: &'a Zone,
    /// When the person's days begin.
    pub day_start: DayStart,
}

impl<'a> PlanSource<'a> {
    /// What the plan of `habit` is made from, for a person with `settings`.
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
    /// The plan of a habit with what was recorded in `log`, as far as `today`.
    ///
    /// Days count from `start_date`; without one from the earlier of the day of creation and the
    /// first recorded day, so that a past filled in later counts.
    pub fn new(source: &PlanSource<'_>, log: &DayLog, today: Date) -> Self {
        let backfilled = log.first_day().unwrap_or(source.created_on);
        let first_day = source
            .start_date
            .unwrap_or_else(|| source.created_on.min(backfilled));
        Self {
            history: source.history.clone(),
            first_day,
            end_date: source.end_date,
            archived: source.archived.to_vec(),
            week_start: source.week_start,
            skipped_days: skipped_days(source.zone, source.day_start, first_day, today),
        }
    }

    /// The first day that counts.
    pub const fn first_day(&self) -> Date {
        self.first_day
    }

    /// The version in force on `date`.
    pub fn version_on(&self, date: Date) -> &ScheduleVersion {
        self.history.on(date)
    }

    /// The parts of the active range, from its first day through `last`, that one version each
    /// judges. Those that begin after `last` are left out; the last one may reach beyond it.
    pub(super) fn segments(&self, last: DayNumber) -> impl Iterator<Item = Segment> {
        let end = self.end_date.map(DayNumber::of);
        let first_day = DayNumber::of(self.first_day);
        let begins = |version: &ScheduleVersion| DayNumber::of(version.effective_from);
        let next = self.history.versions().skip(1).map(Some).chain([None]);
        let versions = self.history.versions().zip(next).enumerate();
        versions.filter_map(move |(place, (version, next))| {
            let first = if place == 0 {
                first_day
            } else {
                first_day.max(begins(version))
            };
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

    /// Why nothing is asked for on `day` of the active range, whatever the schedule.
    pub(super) fn neutral_reason(&self, day: DayNumber) -> Option<NeutralReason> {
        if self.archived.iter().any(|span| span.contains(day)) {
            Some(NeutralReason::Archived)
        } else if !self.exists(day) {
            Some(NeutralReason::NoSuchDate)
        } else {
            None
        }
    }

    /// Whether any instant counts for `day`.
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

/// A stretch of days that one version judges.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub(super) schedule: Schedule,
    pub(super) target: Target,
    pub(super) first: DayNumber,
    /// Open without one.
    pub(super) last: Option<DayNumber>,
}

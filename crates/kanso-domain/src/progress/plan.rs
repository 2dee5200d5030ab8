//! What was asked of a person, day by day.

use jiff::civil::Date;

use crate::calendar::{DayNumber, skipped_days};
use crate::habits::{Schedule, Target};
use crate::{DayStart, WeekStart, Zone};

use super::{DayLog, NeutralReason};

/// What a habit asked for from a day on, until the next version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScheduleVersion {
    /// The first day that is judged by it; the first version's also covers all days before.
    pub effective_from: Date,
    /// How often.
    pub schedule: Schedule,
    /// How much.
    pub target: Target,
}

/// Days on which a habit was put away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArchivedSpan {
    /// The first of them.
    pub from: Date,
    /// The day on which the habit came back; none while it is away.
    pub until: Option<Date>,
}

impl ArchivedSpan {
    fn contains(&self, day: DayNumber) -> bool {
        DayNumber::of(self.from) <= day && self.until.is_none_or(|until| day < DayNumber::of(until))
    }
}

/// All that decides how the days of one habit are judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What was asked for, in the order of `effective_from`; never empty.
    versions: Vec<ScheduleVersion>,
    first_day: Date,
    end_date: Option<Date>,
    archived: Vec<ArchivedSpan>,
    week_start: WeekStart,
    missing_days: Vec<DayNumber>,
}

/// What a [`Plan`] is made from.
#[derive(Clone, Debug)]
pub struct PlanSource<'a> {
    /// What was asked for, in the order of `effective_from`.
    pub history: &'a [ScheduleVersion],
    /// What is asked for now; stands in for an empty history.
    pub current: (Schedule, Target),
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
        let versions = if source.history.is_empty() {
            let (schedule, target) = source.current;
            vec![ScheduleVersion {
                effective_from: first_day,
                schedule,
                target,
            }]
        } else {
            source.history.to_vec()
        };
        Self {
            versions,
            first_day,
            end_date: source.end_date,
            archived: source.archived.to_vec(),
            week_start: source.week_start,
            missing_days: skipped_days(source.zone, source.day_start, first_day, today),
        }
    }

    /// The first day that counts.
    pub const fn first_day(&self) -> Date {
        self.first_day
    }

    /// The version in force on `date`.
    pub fn version_on(&self, date: Date) -> &ScheduleVersion {
        let later = self
            .versions
            .partition_point(|version| version.effective_from <= date);
        &self.versions[later.saturating_sub(1)]
    }

    /// The parts of the active range, from its first day through `last`, that one version each
    /// judges. Those that begin after `last` are left out; the last one may reach beyond it.
    pub(super) fn segments(&self, last: DayNumber) -> impl Iterator<Item = Segment> {
        let end = self.end_date.map(DayNumber::of);
        let first_day = DayNumber::of(self.first_day);
        self.versions
            .iter()
            .enumerate()
            .filter_map(move |(place, version)| {
                let begins = match place {
                    0 => first_day,
                    _ => first_day.max(DayNumber::of(version.effective_from)),
                };
                let next = self.versions.get(place + 1);
                let until = next.map(|next| DayNumber::of(next.effective_from).minus(1));
                let ends = match (until, end) {
                    (Some(until), Some(end)) => Some(until.min(end)),
                    (until, end) => until.or(end),
                };
                let is_empty = ends.is_some_and(|ends| ends < begins) || begins > last;
                (!is_empty).then_some(Segment {
                    schedule: version.schedule,
                    target: version.target,
                    first: begins,
                    last: ends,
                })
            })
    }

    /// Why nothing is asked for on `day` of the active range, whatever the schedule.
    pub(super) fn rest(&self, day: DayNumber) -> Option<NeutralReason> {
        if self.archived.iter().any(|span| span.contains(day)) {
            Some(NeutralReason::Archived)
        } else if self.missing_days.contains(&day) {
            Some(NeutralReason::NoSuchDate)
        } else {
            None
        }
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

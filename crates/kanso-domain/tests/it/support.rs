//! Builders that show only the relevant values.

use jiff::civil::{Date, date};
use kanso_domain::accounts::Settings;
use kanso_domain::calendar::Today;
use kanso_domain::entries::EntryKind;
use kanso_domain::habits::{
    ArchivedSpan, HabitDetails, HabitFields, Schedule, ScheduleFields, ScheduleHistory,
    ScheduleVersion, Target, TargetFields,
};
use kanso_domain::progress::{DayLog, Plan, PlanSource, Streak, streak};
use kanso_domain::text::Title;
use kanso_domain::{DayStart, Quantity, WeekStart, Zone};

/// A habit with its entries, as a test describes it.
#[derive(Clone, Debug)]
pub(crate) struct Habit {
    pub(crate) history: Vec<ScheduleVersion>,
    pub(crate) schedule: Schedule,
    pub(crate) target: Target,
    pub(crate) start: Option<Date>,
    pub(crate) created: Date,
    pub(crate) end: Option<Date>,
    pub(crate) archived: Vec<ArchivedSpan>,
    pub(crate) week_start: WeekStart,
    pub(crate) zone: Zone,
    pub(crate) entries: Vec<(Date, EntryKind, Quantity)>,
}

impl Habit {
    /// Returns a habit with `schedule`, created on 1 June 2024 at the latest.
    pub(crate) fn new(schedule: Schedule) -> Self {
        Self {
            history: Vec::new(),
            schedule,
            target: Target::TICK,
            start: None,
            created: june(1),
            end: None,
            archived: Vec::new(),
            week_start: WeekStart::Monday,
            zone: Zone::utc(),
            entries: Vec::new(),
        }
    }

    pub(crate) fn created(self, created: Date) -> Self {
        Self { created, ..self }
    }

    pub(crate) fn done(mut self, days: &[i8]) -> Self {
        self.entries.extend(
            days.iter()
                .map(|&day| (june(day), EntryKind::Value, Quantity::ONE)),
        );
        self
    }

    pub(crate) fn done_on(mut self, days: impl IntoIterator<Item = Date>) -> Self {
        self.entries.extend(
            days.into_iter()
                .map(|day| (day, EntryKind::Value, Quantity::ONE)),
        );
        self
    }

    pub(crate) fn skip(mut self, day: i8) -> Self {
        self.entries
            .push((june(day), EntryKind::Skip, Quantity::ZERO));
        self
    }

    pub(crate) fn log(&self) -> DayLog {
        self.entries.iter().copied().collect()
    }

    /// Returns the given history, or one of the schedule and target.
    fn history(&self) -> ScheduleHistory {
        ScheduleHistory::restored(self.history.clone())
            .unwrap_or_else(|| ScheduleHistory::starting(self.created, self.schedule, self.target))
    }

    pub(crate) fn plan(&self, today: Date) -> Plan {
        let source = PlanSource {
            history: &self.history(),
            start_date: self.start,
            created_on: self.created,
            end_date: self.end,
            archived: &self.archived,
            week_start: self.week_start,
            zone: &self.zone,
            day_start: DayStart::MIDNIGHT,
        };
        Plan::new(&source, &self.log(), today)
    }

    pub(crate) fn streak(&self, today: Date) -> Streak {
        streak(&self.plan(today), &self.log(), today)
    }
}

/// A day of June 2024; numbers below 1 are days of May.
pub(crate) fn june(day: i8) -> Date {
    let days = i64::from(day) - 1;
    date(2024, 6, 1).saturating_add(jiff::ToSpan::days(days))
}

pub(crate) fn weekdays(days: &[u8]) -> Schedule {
    let weekdays = Some(days.to_vec());
    details(
        ScheduleFields {
            weekdays,
            ..ScheduleFields::default()
        },
        TargetFields::default(),
    )
    .schedule()
}

pub(crate) const fn weekly(times_per_week: u8) -> Schedule {
    Schedule::Weekly { times_per_week }
}

pub(crate) const fn every(interval: u16) -> Schedule {
    Schedule::Interval { interval }
}

pub(crate) fn target(fields: TargetFields) -> Target {
    details(ScheduleFields::default(), fields).target()
}

fn details(schedule: ScheduleFields, target: TargetFields) -> HabitDetails {
    let fields = HabitFields {
        title: Title::new("Read").ok(),
        schedule,
        target,
        ..HabitFields::default()
    };
    let settings = Settings::default();
    let today = Today {
        date: june(1),
        settings: &settings,
    };
    HabitDetails::create(&fields, today).expect("a valid habit")
}

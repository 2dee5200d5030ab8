//! The history of a habit: versions of its schedule and target, and archived days.

use jiff::civil::Date;
use kanso_domain::Quantity;
use kanso_domain::habits::{
    ArchivedSpan, Schedule, ScheduleFields, ScheduleHistory, ScheduleVersion, Target, TargetFields,
    Weekdays,
};
use kanso_domain::time::parse_date;
use kanso_domain::validation::{Checker, Invalid};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{FrequencyType, HabitType, TargetDirection};

/// A version of the schedule and the target, in force until the next version begins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScheduleVersionRecord {
    /// First day of this version, `YYYY-MM-DD`. The first version also applies to all days before.
    #[schema(format = Date)]
    pub effective_from: String,
    /// Type of the habit.
    #[serde(rename = "type")]
    pub kind: HabitType,
    /// Schedule of the habit.
    pub frequency_type: FrequencyType,
    /// Weekdays on which the habit is due, 0 (Sunday) to 6 (Saturday).
    pub weekdays: Vec<u8>,
    /// Length of the window, in days.
    pub interval: u16,
    /// Number of days per week.
    pub times_per_week: Option<u8>,
    /// Target of a day, with at most three decimals.
    #[serde(with = "crate::text::quantity")]
    #[schema(value_type = f64)]
    pub target_value: Quantity,
    /// Direction of the target: `at_least` for a goal, `at_most` for a limit.
    pub target_direction: TargetDirection,
}

impl From<&ScheduleVersion> for ScheduleVersionRecord {
    fn from(version: &ScheduleVersion) -> Self {
        let ScheduleVersion {
            effective_from,
            schedule,
            target,
        } = version;
        Self {
            effective_from: effective_from.to_string(),
            kind: target.kind().into(),
            frequency_type: schedule.frequency_type().into(),
            weekdays: schedule.weekdays().map(Weekdays::days).unwrap_or_default(),
            interval: schedule.interval().unwrap_or(1),
            times_per_week: schedule.times_per_week(),
            target_value: target.value(),
            target_direction: target.direction().into(),
        }
    }
}

/// A range of days on which a habit was archived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ArchivedSpanRecord {
    /// First archived day, `YYYY-MM-DD`.
    #[schema(format = Date)]
    pub from: String,
    /// Day on which the habit was unarchived, `YYYY-MM-DD`. `null` while it is archived.
    #[schema(format = Date)]
    pub until: Option<String>,
}

impl From<&ArchivedSpan> for ArchivedSpanRecord {
    fn from(span: &ArchivedSpan) -> Self {
        Self {
            from: span.from.to_string(),
            until: span.until.map(|date| date.to_string()),
        }
    }
}

fn date(field: &'static str, text: &str) -> Result<Date, Invalid> {
    parse_date(text).ok_or_else(|| Invalid::one(field, "must be a date YYYY-MM-DD"))
}

/// Converts the versions of a record to the type of the domain.
pub(super) fn history(records: &[ScheduleVersionRecord]) -> Result<ScheduleHistory, Invalid> {
    let versions = records.iter().map(version).collect::<Result<Vec<_>, _>>()?;
    // The order is checked and not repaired: a record that breaks it is damaged.
    ScheduleHistory::restored(versions)
        .ok_or_else(|| Invalid::one("schedule_history", "must have versions in ascending order"))
}

fn version(record: &ScheduleVersionRecord) -> Result<ScheduleVersion, Invalid> {
    let schedule = ScheduleFields {
        frequency_type: Some(record.frequency_type.into()),
        weekdays: Some(record.weekdays.clone()),
        interval: Some(record.interval),
        times_per_week: record.times_per_week,
    };
    let target = TargetFields {
        kind: Some(record.kind.into()),
        value: Some(record.target_value),
        direction: Some(record.target_direction.into()),
    };
    // The same rules as for a create: a replica must not store a version that the server would
    // refuse, such as weekdays on a weekly schedule.
    let mut checker = Checker::new();
    let parts =
        Schedule::create(&schedule, &mut checker).zip(Target::create(&target, &mut checker));
    let effective_from = date("schedule_history", &record.effective_from)?;
    match parts {
        Some((schedule, target)) => checker.finish(ScheduleVersion {
            effective_from,
            schedule,
            target,
        }),
        None => Err(checker.into_invalid("schedule_history")),
    }
}

/// Converts the archived days of a record to the type of the domain.
pub(super) fn spans(records: &[ArchivedSpanRecord]) -> Result<Vec<ArchivedSpan>, Invalid> {
    let span = |record: &ArchivedSpanRecord| {
        let until = record
            .until
            .as_deref()
            .map(|text| date("archived_spans", text))
            .transpose()?;
        Ok(ArchivedSpan {
            from: date("archived_spans", &record.from)?,
            until,
        })
    };
    records.iter().map(span).collect()
}

//! What a habit asked for over time, on the wire.

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

/// What a habit asks for from a day on, until the next version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScheduleVersionRecord {
    /// The first day that is judged by it, `YYYY-MM-DD`; the first version also judges all days
    /// before.
    #[schema(format = Date)]
    pub effective_from: String,
    /// What an entry records.
    #[serde(rename = "type")]
    pub kind: HabitType,
    /// When it is due.
    pub frequency_type: FrequencyType,
    /// The chosen days, 0 = Sunday.
    pub weekdays: Vec<u8>,
    /// The window in days.
    pub interval: u16,
    /// The days a week.
    pub times_per_week: Option<u8>,
    /// The amount that a day is measured against.
    #[serde(with = "crate::text::quantity")]
    #[schema(value_type = f64)]
    pub target_value: Quantity,
    /// Whether the target is to be reached or not to be passed.
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

/// Days on which a habit was away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ArchivedSpanRecord {
    /// The first of them, `YYYY-MM-DD`.
    #[schema(format = Date)]
    pub from: String,
    /// The day on which the habit came back; `null` while it is away.
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

/// The history that a record tells.
pub(super) fn history(records: &[ScheduleVersionRecord]) -> Result<ScheduleHistory, Invalid> {
    let versions = records.iter().map(version).collect::<Result<Vec<_>, _>>()?;
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

/// The spans that a record tells.
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

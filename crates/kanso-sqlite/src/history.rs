//! JSON columns of a habit: its schedule over time, and the spans in which it was archived.
//!
//! The units are those of the other columns: days since 1970, thousandths, a mask of weekdays.

use std::borrow::Cow;

use kanso_domain::Quantity;
use kanso_domain::habits::{
    ArchivedSpan, FrequencyType, HabitType, Schedule, ScheduleFields, ScheduleHistory,
    ScheduleVersion, Target, TargetDirection, TargetFields, Weekdays,
};
use kanso_domain::validation::Checker;
use rusqlite::types::{FromSqlError, FromSqlResult, ToSqlOutput, Value, ValueRef};
use serde::Deserialize;
use serde_json::json;

use crate::columns::{Column, date_of, days_since_epoch, mask_of, named, weekdays_of};

impl Column for ScheduleHistory {
    fn store(&self) -> ToSqlOutput<'_> {
        let versions: serde_json::Value = self.versions().map(version).collect();
        ToSqlOutput::Owned(Value::Text(versions.to_string()))
    }

    fn read(stored: ValueRef<'_>) -> FromSqlResult<Self> {
        let versions: Vec<StoredVersion<'_>> = parse(stored)?;
        let versions = versions.iter().map(StoredVersion::restored);
        let versions = versions.collect::<FromSqlResult<_>>()?;
        Self::restored(versions).ok_or(FromSqlError::InvalidType)
    }
}

impl Column for Vec<ArchivedSpan> {
    fn store(&self) -> ToSqlOutput<'_> {
        let span = |span: &ArchivedSpan| {
            json!([
                days_since_epoch(span.from),
                span.until.map(days_since_epoch)
            ])
        };
        let spans: serde_json::Value = self.iter().map(span).collect();
        ToSqlOutput::Owned(Value::Text(spans.to_string()))
    }

    fn read(stored: ValueRef<'_>) -> FromSqlResult<Self> {
        let spans: Vec<(i64, Option<i64>)> = parse(stored)?;
        let span = |(from, until): (i64, Option<i64>)| {
            Ok(ArchivedSpan {
                from: date_of(from)?,
                until: until.map(date_of).transpose()?,
            })
        };
        spans.into_iter().map(span).collect()
    }
}

fn parse<'a, T: Deserialize<'a>>(stored: ValueRef<'a>) -> FromSqlResult<T> {
    serde_json::from_str(stored.as_str()?).map_err(FromSqlError::other)
}

fn version(version: &ScheduleVersion) -> serde_json::Value {
    let ScheduleVersion {
        effective_from,
        schedule,
        target,
    } = version;
    json!({
        "effective_from": days_since_epoch(*effective_from),
        "type": target.kind().as_str(),
        "frequency_type": schedule.frequency_type().as_str(),
        "weekdays": schedule.weekdays().map(mask_of),
        "interval": schedule.interval(),
        "times_per_week": schedule.times_per_week(),
        "target_value": target.value().thousandths(),
        "target_direction": target.direction().as_str(),
    })
}

/// JSON form of one version of a schedule.
//
// kanso-postgres has a copy in its own `history.rs`. Change both together: the stores share a format,
// and a shared type would bring serde into the ring of the ports. The contract cases in
// kanso-testkit's `contract/past.rs` run on both stores.
#[derive(Deserialize)]
struct StoredVersion<'a> {
    effective_from: i64,
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    frequency_type: Cow<'a, str>,
    weekdays: Option<i64>,
    interval: Option<u16>,
    times_per_week: Option<u8>,
    target_value: i64,
    #[serde(borrow)]
    target_direction: Cow<'a, str>,
}

impl StoredVersion<'_> {
    /// Validates by the rules of the domain, so members that contradict each other are an error.
    fn restored(&self) -> FromSqlResult<ScheduleVersion> {
        let kind = &self.frequency_type;
        let weekdays = self.weekdays.map(weekdays_of).transpose()?;
        let schedule = ScheduleFields {
            frequency_type: Some(named(&FrequencyType::ALL, FrequencyType::as_str, kind)?),
            weekdays: weekdays.map(Weekdays::days),
            interval: self.interval,
            times_per_week: self.times_per_week,
        };
        let (kind, side) = (&self.kind, &self.target_direction);
        let value = Quantity::from_thousandths(self.target_value);
        let target = TargetFields {
            kind: Some(named(&HabitType::ALL, HabitType::as_str, kind)?),
            value: Some(value.map_err(FromSqlError::other)?),
            direction: Some(named(&TargetDirection::ALL, TargetDirection::as_str, side)?),
        };
        let mut checker = Checker::new();
        let schedule = Schedule::create(&schedule, &mut checker);
        let target = Target::create(&target, &mut checker);
        checker.finish(()).map_err(FromSqlError::other)?;
        let (schedule, target) = schedule.zip(target).ok_or(FromSqlError::InvalidType)?;
        Ok(ScheduleVersion {
            effective_from: date_of(self.effective_from)?,
            schedule,
            target,
        })
    }
}

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
use serde::{Deserialize, Serialize};
use tokio_postgres::types::Json;

use crate::columns::{Column, date_of, days_since_epoch, mask_of, named, weekdays_of};
use crate::error::InvalidColumn;

impl Column for ScheduleHistory {
    type Stored = Json<Vec<StoredVersion>>;

    fn store(&self) -> Self::Stored {
        Json(self.versions().map(StoredVersion::of).collect())
    }

    fn read(Json(stored): Self::Stored) -> Result<Self, InvalidColumn> {
        let versions = stored.iter().map(StoredVersion::restored);
        let versions = versions.collect::<Result<_, _>>()?;
        Self::restored(versions)
            .ok_or_else(|| InvalidColumn::new("an empty schedule history".to_owned()))
    }
}

impl Column for Vec<ArchivedSpan> {
    type Stored = Json<Vec<(i64, Option<i64>)>>;

    fn store(&self) -> Self::Stored {
        let span = |span: &ArchivedSpan| {
            let until = span.until.map(days_since_epoch);
            (days_since_epoch(span.from), until)
        };
        Json(self.iter().map(span).collect())
    }

    fn read(Json(stored): Self::Stored) -> Result<Self, InvalidColumn> {
        let span = |(from, until): (i64, Option<i64>)| {
            Ok(ArchivedSpan {
                from: date_of(from)?,
                until: until.map(date_of).transpose()?,
            })
        };
        stored.into_iter().map(span).collect()
    }
}

/// JSON form of one version of a schedule.
//
// kanso-sqlite has a copy in its own `history.rs`. Change both together: the stores share a format,
// and a shared type would bring serde into the ring of the ports. The contract cases in kanso-testkit's `contract/past.rs` run on both stores.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StoredVersion {
    effective_from: i64,
    #[serde(rename = "type")]
    kind: Cow<'static, str>,
    frequency_type: Cow<'static, str>,
    weekdays: Option<i64>,
    interval: Option<u16>,
    times_per_week: Option<u8>,
    target_value: i64,
    target_direction: Cow<'static, str>,
}

impl StoredVersion {
    fn of(version: &ScheduleVersion) -> Self {
        let ScheduleVersion {
            effective_from,
            schedule,
            target,
        } = version;
        Self {
            effective_from: days_since_epoch(*effective_from),
            kind: target.kind().as_str().into(),
            frequency_type: schedule.frequency_type().as_str().into(),
            weekdays: schedule.weekdays().map(mask_of),
            interval: schedule.interval(),
            times_per_week: schedule.times_per_week(),
            target_value: target.value().thousandths(),
            target_direction: target.direction().as_str().into(),
        }
    }

    /// Validates by the rules of the domain, so members that contradict each other are an error.
    fn restored(&self) -> Result<ScheduleVersion, InvalidColumn> {
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
            value: Some(value.map_err(InvalidColumn::of)?),
            direction: Some(named(&TargetDirection::ALL, TargetDirection::as_str, side)?),
        };
        let mut checker = Checker::new();
        let schedule = Schedule::create(&schedule, &mut checker);
        let target = Target::create(&target, &mut checker);
        checker.finish(()).map_err(InvalidColumn::of)?;
        let incomplete = || InvalidColumn::new("an incomplete schedule".to_owned());
        let (schedule, target) = schedule.zip(target).ok_or_else(incomplete)?;
        Ok(ScheduleVersion {
            effective_from: date_of(self.effective_from)?,
            schedule,
            target,
        })
    }
}

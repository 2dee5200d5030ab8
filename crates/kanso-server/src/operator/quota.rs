//! `kanso-server user quota`: shows and changes the quota of one account.

use std::fmt::Write as _;

use kanso_application::quotas::QuotaReport;
use kanso_domain::sync::{OwnQuota, Quota};
use serde_json::json;

use super::OperatorError;
use crate::cli::QuotaArguments;
use crate::config::{habit_quota, record_quota, space_quota};

/// Changes of the bounds of one account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QuotaChange {
    live_habits: BoundChange<u32>,
    records: BoundChange<u64>,
    bytes: BoundChange<u64>,
}

/// A change of one bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum BoundChange<T> {
    /// It stays as it is.
    #[default]
    Kept,
    /// It becomes the bound of all accounts.
    OfAll,
    /// It becomes this one.
    Own(T),
}

impl<T> BoundChange<T> {
    fn applied_to(self, own: Option<T>) -> Option<T> {
        match self {
            Self::Kept => own,
            Self::OfAll => None,
            Self::Own(bound) => Some(bound),
        }
    }
}

impl QuotaChange {
    /// Reads the bounds as they were typed.
    ///
    /// # Errors
    /// [`OperatorError::Bound`] if one is neither a number nor `off` nor `default`.
    pub fn parse(typed: &QuotaArguments) -> Result<Self, OperatorError> {
        Ok(Self {
            live_habits: bound("habits", typed.habits.as_deref(), habit_quota)?,
            records: bound("records", typed.records.as_deref(), record_quota)?,
            bytes: bound("space", typed.space.as_deref(), space_quota)?,
        })
    }

    /// Returns `own` with these changes.
    pub(super) fn applied_to(self, own: OwnQuota) -> OwnQuota {
        OwnQuota {
            live_habits: self.live_habits.applied_to(own.live_habits),
            records: self.records.applied_to(own.records),
            bytes: self.bytes.applied_to(own.bytes),
        }
    }

    /// Returns true if nothing changes.
    pub(super) fn is_empty(self) -> bool {
        self == Self::default()
    }
}

fn bound<T>(
    option: &'static str,
    typed: Option<&str>,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<BoundChange<T>, OperatorError> {
    match typed {
        None => Ok(BoundChange::Kept),
        Some("default") => Ok(BoundChange::OfAll),
        Some(other) => match read(other) {
            Ok(bound) => Ok(BoundChange::Own(bound)),
            Err(problem) => Err(OperatorError::Bound {
                option,
                problem: format!("{problem}, nor `default`"),
            }),
        },
    }
}

/// Returns the quota of an account as a table or as JSON.
pub(super) fn shown(report: &QuotaReport, is_json: bool) -> String {
    let none = Quota::UNLIMITED;
    let limit = |limit: u64, unlimited: u64| (limit != unlimited).then_some(limit);
    let QuotaReport { usage, quota, .. } = report;
    let rows = [
        (
            "live_habits",
            u64::from(report.live_habits),
            limit(quota.live_habits.into(), none.live_habits.into()),
        ),
        ("records", usage.records, limit(quota.records, none.records)),
        ("bytes", usage.bytes, limit(quota.bytes, none.bytes)),
    ];
    if is_json {
        let share = |(name, used, limit)| (name, json!({"used": used, "limit": limit}));
        let shares = rows.map(share).into_iter();
        let shares: serde_json::Map<_, _> =
            shares.map(|(name, it)| (str::to_owned(name), it)).collect();
        return format!("{}\n", serde_json::Value::Object(shares));
    }
    let mut text = format!("{:<12}  {:>14}  {:>14}\n", "QUOTA", "USED", "LIMIT");
    for (name, used, limit) in rows {
        let limit = limit.map_or_else(|| "off".to_owned(), |limit| limit.to_string());
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name:<12}  {used:>14}  {limit:>14}");
    }
    text
}

//! Changes as the server sends them, read as far as this version can.
//!
//! One record that this version does not know must not stop the others. So each change and each
//! result is read by itself.

use kanso_domain::Seq;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::calls::{CallError, read};
use crate::replica::{DeliveredSettings, ForeignRecord, MirrorRow};
use crate::transport::Reply;

/// Answer to a sync request. Results and changes are not read yet.
#[derive(Debug, Deserialize)]
pub(super) struct LenientResponse<'a> {
    #[serde(borrow)]
    pub(super) results: Vec<&'a RawValue>,
    #[serde(borrow)]
    pub(super) changes: Vec<&'a RawValue>,
    pub(super) cursor: String,
    pub(super) head: i64,
    pub(super) has_more: bool,
    #[serde(default)]
    pub(super) remaining: u64,
    #[serde(default)]
    pub(super) digest: Option<String>,
    #[serde(default)]
    pub(super) history_start: Option<i64>,
}

/// A change whose record is not read yet.
#[derive(Deserialize)]
struct LenientChange<'a> {
    entity: String,
    seq: i64,
    #[serde(borrow)]
    record: &'a RawValue,
}

/// The changes of an answer.
#[derive(Debug, Default)]
pub(super) struct Delivery {
    pub(super) records: Vec<MirrorRow>,
    /// Changes that this version cannot read.
    pub(super) foreign: Vec<ForeignRecord>,
    pub(super) settings: Option<DeliveredSettings>,
}

impl Delivery {
    pub(super) fn of(changes: &[&RawValue]) -> Self {
        let mut delivery = Self::default();
        for change in changes {
            if delivery.take(change.get()).is_none() {
                delivery.foreign.push(ForeignRecord::of(change.get()));
            }
        }
        delivery
    }

    /// Adds a change; `None` if this version cannot read it.
    fn take(&mut self, json: &str) -> Option<()> {
        let change: LenientChange<'_> = serde_json::from_str(json).ok()?;
        let record = change.record.get();
        if change.entity == "user" {
            self.settings = Some(settings(record, Some(change.seq))?);
            return Some(());
        }
        let row = MirrorRow::delivered(&change.entity, Seq::new(change.seq)?, record)?;
        self.records.push(row);
        Some(())
    }
}

/// Returns true if the first page of a first pull has settings; `None` if a later page may have them.
pub(crate) fn first_page_has_settings(reply: &Reply) -> Result<Option<bool>, CallError> {
    let response: LenientResponse<'_> = read(reply)?;
    let has_settings = Delivery::of(&response.changes).settings.is_some();
    Ok(if has_settings {
        Some(true)
    } else {
        (!response.has_more).then_some(false)
    })
}

/// Reads the settings of a change or of the account; `None` if they have no zone.
pub(crate) fn settings(json: &str, seq: Option<i64>) -> Option<DeliveredSettings> {
    let record: Value = serde_json::from_str(json).ok()?;
    let text = |name: &str| {
        Some(match record.get(name)? {
            Value::String(text) => text.clone(),
            // Stored as it came, and not known to this version.
            other => other.to_string(),
        })
    };
    Some(DeliveredSettings {
        timezone: text("timezone")?,
        week_start: text("week_start")?,
        day_start: text("day_start")?,
        seq,
    })
}

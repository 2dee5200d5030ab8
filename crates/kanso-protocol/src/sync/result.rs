//! Results of operations.

use kanso_domain::record::Member;
use kanso_domain::sync::{
    Conflict, Deferral, ExceededQuota, OperationOutcome, Rejection, RejectionCode,
};
use kanso_domain::{DeviceId, OpId, Record, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::EntityName;
use super::member::member_name;
use super::operation::member_error;
use crate::entries::EntryRecord;
use crate::habits::HabitRecord;
use crate::problem::MemberError;

/// Outcome of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OperationStatus {
    /// Carried out.
    Applied,
    /// Carried out and merged with newer edits of other members. `record` is the merged record.
    Merged,
    /// Nothing changed: the record already had these values or, with `on_conflict` `server`, the
    /// stored values won.
    Noop,
    /// Retry of an operation that was carried out before.
    Duplicate,
    /// Final: another device changed the same members. Nothing changed; the user or a rule decides.
    Conflict,
    /// Final: the operation can never be carried out.
    Rejected,
    /// Final: the record, or the habit that it belongs to, was deleted.
    Gone,
    /// Not final: send the operation again after the record in `waits_for`.
    Deferred,
    /// Not final: the account would hold more than it may. Keep the operation: it succeeds once
    /// something is deleted, or the operator raises the quota.
    OverQuota,
}

/// The result of one operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "op_id": "0198c2f4-2222-7c3a-9d2e-4f5a6b7c8d9e", "status": "applied", "version": 1, "seq": 8814
}))]
pub struct OperationResult {
    /// `op_id` of the operation. `null` if the operation has none that can be read: results stand
    /// in the order of the operations.
    #[serde(with = "crate::text::uuid::optional")]
    #[schema(required = true)]
    pub op_id: Option<Uuid>,
    /// Outcome.
    pub status: OperationStatus,
    /// With `applied`, `merged`, `noop` and `duplicate`: version of the record afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
    /// With `applied`, `merged`, `noop` and `duplicate`: position of the record's newest change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<i64>,
    /// With `conflict`: the stored record and the members that clash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conflict: Option<ConflictBody>,
    /// With `merged`: the merged record. With `gone`: the tombstone of the record, or of the habit
    /// that an entry belongs to; left out if the tombstone was purged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    // A value and not an enum of records: without a tag, serde would have to guess the type.
    pub record: Option<Value>,
    /// With `rejected`: the reason, one of `invalid`, `habit_not_found`, `entry_not_found`,
    /// `op_id_reused`, `group_failed` and `group_split`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// With `over_quota`: the quota.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<ExceededQuotaBody>,
    /// With `rejected`: the invalid members, as JSON pointers into the operation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<MemberError>,
    /// With `deferred`: the record that must be created first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<WaitsFor>,
}

/// The stored record that an operation conflicts with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ConflictBody {
    /// Version that the operation was based on. `null` for a create.
    pub your_base: Option<i64>,
    /// The stored record in its newest state.
    #[schema(value_type = Object)]
    pub record: Value,
    /// Names of the members that the operation sets and another edit changed to a different value
    /// since that version.
    pub clashing: Vec<String>,
    /// Names of the members that only the operation changes, so they could merge.
    #[serde(default)]
    pub mergeable: Vec<String>,
    /// Device of the newest edit of the record. `null` if it is not known.
    #[serde(default)]
    pub changed_by: Option<Uuid>,
    /// Time of the newest edit of the record.
    #[serde(with = "crate::text")]
    #[schema(value_type = String, format = DateTime)]
    pub changed_at: Timestamp,
}

/// A quota that an operation would exceed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExceededQuotaBody {
    /// Name of the quota: `live_habits`, `records` or `bytes`.
    pub name: String,
    /// The most of it that the account may have.
    pub limit: u64,
}

impl From<ExceededQuota> for ExceededQuotaBody {
    fn from(exceeded: ExceededQuota) -> Self {
        Self {
            name: exceeded.as_str().to_owned(),
            limit: exceeded.limit(),
        }
    }
}

/// The record that a deferred operation waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WaitsFor {
    /// Kind of the record.
    pub entity: EntityName,
    /// Id of the record.
    #[serde(with = "crate::text::uuid")]
    pub id: Uuid,
}

/// Returns the record as JSON.
pub(crate) fn record_json(record: &Record) -> Value {
    let json = match record {
        Record::Habit(habit) => serde_json::to_value(HabitRecord::from(habit)),
        Record::Entry(entry) => serde_json::to_value(EntryRecord::from(entry)),
    };
    // Structs of strings, numbers and lists cannot fail to serialize.
    json.unwrap_or(Value::Null)
}

fn names(members: &[Member]) -> Vec<String> {
    let names = members.iter().copied().map(member_name);
    names.map(str::to_owned).collect()
}

impl ConflictBody {
    /// Converts a conflict to its wire form.
    pub fn new(conflict: &Conflict) -> Self {
        Self {
            your_base: conflict.your_base.map(kanso_domain::Version::get),
            record: record_json(&conflict.record),
            clashing: names(&conflict.clashing),
            mergeable: names(&conflict.mergeable),
            // The stored record has the newest edit, which is not always the one that clashes.
            changed_by: conflict.record.edited_by().map(DeviceId::uuid),
            changed_at: conflict.record.stamp().updated_at,
        }
    }
}

impl OperationResult {
    /// Builds the result of the operation `op_id`; `None` if its id could not be read.
    pub fn new(op_id: Option<OpId>, outcome: &OperationOutcome) -> Self {
        let bare = |status| Self::bare(op_id, status);
        match outcome {
            OperationOutcome::Applied(record) => Self::done(bare(OperationStatus::Applied), record),
            OperationOutcome::Merged(record) => Self {
                record: Some(record_json(record)),
                ..Self::done(bare(OperationStatus::Merged), record)
            },
            OperationOutcome::Noop(record) => Self::done(bare(OperationStatus::Noop), record),
            // The record may have changed since, so a retry gets the stored version and position of
            // the first attempt and not the record.
            OperationOutcome::Duplicate { version, seq, .. } => Self {
                version: Some(version.get()),
                seq: Some(seq.get()),
                ..bare(OperationStatus::Duplicate)
            },
            OperationOutcome::Conflict(conflict) => Self {
                conflict: Some(ConflictBody::new(conflict)),
                ..bare(OperationStatus::Conflict)
            },
            OperationOutcome::Gone(record) => Self {
                record: Some(record_json(record)),
                ..bare(OperationStatus::Gone)
            },
            // The tombstone was purged, so there is no record to send; the client drops its own.
            OperationOutcome::Purged(_) => bare(OperationStatus::Gone),
            OperationOutcome::Rejected(rejection) => {
                Self::rejected(bare(OperationStatus::Rejected), rejection)
            }
            // The operation stays in the outbox: the device sends it again after the habit.
            OperationOutcome::Deferred(Deferral::HabitUnknown(id)) => Self {
                waits_for: Some(WaitsFor {
                    entity: EntityName::Habit,
                    id: id.uuid(),
                }),
                ..bare(OperationStatus::Deferred)
            },
            OperationOutcome::OverQuota(exceeded) => Self {
                quota: Some((*exceeded).into()),
                ..bare(OperationStatus::OverQuota)
            },
        }
    }

    fn bare(op_id: Option<OpId>, status: OperationStatus) -> Self {
        Self {
            op_id: op_id.map(OpId::uuid),
            status,
            version: None,
            seq: None,
            conflict: None,
            record: None,
            code: None,
            errors: Vec::new(),
            quota: None,
            waits_for: None,
        }
    }

    fn done(self, record: &Record) -> Self {
        // The device compares the version with the base of its next edit, and need not pull first.
        let stamp = record.stamp();
        Self {
            version: Some(stamp.version.get()),
            seq: Some(stamp.seq.get()),
            ..self
        }
    }

    fn rejected(self, rejection: &Rejection) -> Self {
        Self {
            code: Some(RejectionCode::as_str(rejection.code).to_owned()),
            errors: rejection.errors.iter().map(member_error).collect(),
            ..self
        }
    }
}

//! Results of operations.

use kanso_domain::record::Member;
use kanso_domain::sync::{
    Conflict, Deferral, OperationOutcome, ReceiptKey, Rejection, RejectionCode,
};
use kanso_domain::{DeviceId, OpId, Record, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::EntityName;
use super::member::member_name;
use super::operation::pointer_base;
use crate::entries::EntryRecord;
use crate::habits::HabitRecord;
use crate::problem::MemberError;

/// What became of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OperationStatus {
    /// Done.
    Applied,
    /// Done, beside what others edited since: `record` is what it now is.
    Merged,
    /// Done: nothing changed, because the record already was like this or, with `on_conflict`
    /// `server`, because somebody else was faster.
    Noop,
    /// Done before: this is a retry.
    Duplicate,
    /// Final: somebody else was faster. Nothing changed; a person or a rule decides.
    Conflict,
    /// Final: it can never be carried out.
    Rejected,
    /// Final: the record, or its habit, was deleted.
    Gone,
    /// Not now: retry it after what it waits for has arrived.
    Deferred,
}

/// The result of one operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "op_id": "0198c2f4-2222-7c3a-9d2e-4f5a6b7c8d9e", "status": "applied", "version": 1, "seq": 8814
}))]
pub struct OperationResult {
    /// The operation.
    #[serde(with = "crate::text::uuid")]
    pub op_id: Uuid,
    /// What became of it.
    pub status: OperationStatus,
    /// When it is done: the record's version afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
    /// When it is done: the position of the record's newest change afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<i64>,
    /// With `conflict`: what it ran into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conflict: Option<ConflictBody>,
    /// With `merged`, the record as it now is. With `gone`, the tombstone, of the record or of the
    /// habit that an entry belongs to; left out when that was purged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub record: Option<Value>,
    /// With `rejected`: `invalid`, `habit_not_found`, `entry_not_found`, `op_id_reused`,
    /// `group_failed` or `group_split`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// With `rejected`: the members at fault, as JSON pointers into the operation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<MemberError>,
    /// With `deferred`: what has to arrive first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<WaitsFor>,
}

/// What a conflicting operation ran into.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ConflictBody {
    /// The version that the operation built on; `null` for a create.
    pub your_base: Option<i64>,
    /// The stored record.
    #[schema(value_type = Object)]
    pub record: Value,
    /// The members on which the operation and the stored record disagree, and which somebody else
    /// changed since.
    pub clashing: Vec<String>,
    /// The members that the operation could change alone.
    #[serde(default)]
    pub mergeable: Vec<String>,
    /// The device of the record's newest edit, where that is known.
    #[serde(default)]
    pub changed_by: Option<Uuid>,
    /// When that was.
    #[serde(with = "crate::text")]
    #[schema(value_type = String, format = DateTime)]
    pub changed_at: Timestamp,
}

/// What a deferred operation waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WaitsFor {
    /// The kind of record.
    pub entity: EntityName,
    /// The record.
    #[serde(with = "crate::text::uuid")]
    pub id: Uuid,
}

/// A record as JSON.
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
    /// The conflict on the wire.
    pub fn new(conflict: &Conflict) -> Self {
        Self {
            your_base: conflict.your_base.map(kanso_domain::Version::get),
            record: record_json(&conflict.record),
            clashing: names(&conflict.clashing),
            mergeable: names(&conflict.mergeable),
            changed_by: conflict.record.edited_by().map(DeviceId::uuid),
            changed_at: conflict.record.stamp().updated_at,
        }
    }
}

impl OperationResult {
    /// The result of the operation with `key`.
    pub fn new(key: ReceiptKey, outcome: &OperationOutcome) -> Self {
        let bare = |status| Self::bare(key.op_id, status);
        match outcome {
            OperationOutcome::Applied(record) => Self::done(bare(OperationStatus::Applied), record),
            OperationOutcome::Merged(record) => Self {
                record: Some(record_json(record)),
                ..Self::done(bare(OperationStatus::Merged), record)
            },
            OperationOutcome::Noop(record) => Self::done(bare(OperationStatus::Noop), record),
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
            OperationOutcome::Purged(_) => bare(OperationStatus::Gone),
            OperationOutcome::Rejected(rejection) => {
                Self::rejected(bare(OperationStatus::Rejected), rejection)
            }
            OperationOutcome::Deferred(Deferral::HabitUnknown(id)) => Self {
                waits_for: Some(WaitsFor {
                    entity: EntityName::Habit,
                    id: id.uuid(),
                }),
                ..bare(OperationStatus::Deferred)
            },
        }
    }

    fn bare(op_id: OpId, status: OperationStatus) -> Self {
        Self {
            op_id: op_id.uuid(),
            status,
            version: None,
            seq: None,
            conflict: None,
            record: None,
            code: None,
            errors: Vec::new(),
            waits_for: None,
        }
    }

    fn done(self, record: &Record) -> Self {
        let stamp = record.stamp();
        Self {
            version: Some(stamp.version.get()),
            seq: Some(stamp.seq.get()),
            ..self
        }
    }

    fn rejected(self, rejection: &Rejection) -> Self {
        let place = |error| MemberError::below(pointer_base(error), error);
        Self {
            code: Some(RejectionCode::as_str(rejection.code).to_owned()),
            errors: rejection.errors.iter().map(place).collect(),
            ..self
        }
    }
}

//! Sync on the wire.

mod operation;
mod result;

pub use operation::{ActionName, EntityName, OperationRequest};
pub use result::{ConflictBody, OperationResult, OperationStatus, WaitsFor};

use kanso_domain::sync::Page;
use kanso_domain::{Record, Seq};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::entries::EntryRecord;
use crate::habits::HabitRecord;

/// An outbox, and where the device stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "device_id": "0198c2f4-1111-7c3a-9d2e-4f5a6b7c8d9e", "cursor": null, "limit": 1000,
    "operations": [{
        "op_id": "0198c2f4-2222-7c3a-9d2e-4f5a6b7c8d9e", "entity": "habit", "action": "create",
        "id": "0198c2f4-8b7e-7c3a-9d2e-4f5a6b7c8d9e", "fields": {"title": "Read"}
    }]
}))]
pub struct SyncRequest {
    /// The installation, the same each time.
    #[serde(
        default,
        with = "crate::text::uuid::optional",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(required = false)]
    pub device_id: Option<Uuid>,
    /// The cursor of the last answer; `null` for a device that has nothing.
    #[serde(default)]
    pub cursor: Option<String>,
    /// The most records of this page, 1 to 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = false, minimum = 1, maximum = 1000)]
    pub limit: Option<u32>,
    /// At most 500, carried out in order.
    #[serde(default, deserialize_with = "crate::json::objects")]
    #[schema(max_items = 500)]
    pub operations: Vec<OperationRequest>,
}

/// What became of the outbox, and what is new.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "results": [{
        "op_id": "0198c2f4-2222-7c3a-9d2e-4f5a6b7c8d9e", "status": "applied", "version": 1,
        "seq": 8814
    }],
    "changes": [], "cursor": "k1_ASNFZ4mrze8AAAAAAAAicHNaYSc", "head": 8816, "has_more": false,
    "remaining": 0
}))]
pub struct SyncResponse {
    /// One for each operation, in their order; empty for a pull.
    pub results: Vec<OperationResult>,
    /// Each changed record once, in its newest state, in the order of `seq`. The device's own
    /// changes are among them.
    pub changes: Vec<Change>,
    /// For the next request. Opaque.
    pub cursor: String,
    /// The position of the newest change.
    pub head: i64,
    /// Whether another page follows at once.
    pub has_more: bool,
    /// How many records are left after this page.
    pub remaining: u64,
}

impl SyncResponse {
    /// The answer with `results` and `page`.
    pub fn new(results: Vec<OperationResult>, page: &Page) -> Self {
        Self {
            results,
            changes: page.records.iter().map(Change::from).collect(),
            cursor: crate::format_cursor(page.cursor()),
            head: page.head.seq.get(),
            has_more: page.has_more(),
            remaining: page.remaining,
        }
    }
}

/// A changed record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "entity", rename_all = "snake_case")]
pub enum Change {
    /// A habit.
    Habit {
        /// The position of its newest change.
        seq: i64,
        /// The habit; a tombstone has `deleted_at`.
        record: HabitRecord,
    },
    /// An entry.
    Entry {
        /// The position of its newest change.
        seq: i64,
        /// The entry; a tombstone has `deleted_at`.
        record: EntryRecord,
    },
}

impl From<&Record> for Change {
    fn from(record: &Record) -> Self {
        let seq = record.stamp().seq.get();
        match record {
            Record::Habit(habit) => Self::Habit {
                seq,
                record: habit.into(),
            },
            Record::Entry(entry) => Self::Entry {
                seq,
                record: entry.into(),
            },
        }
    }
}

impl Change {
    /// The record, as a replica keeps it.
    ///
    /// # Errors
    /// A record that no server of this version writes.
    pub fn to_record(&self) -> Result<Record, kanso_domain::Invalid> {
        let place = |seq: i64| {
            Seq::new(seq).ok_or_else(|| kanso_domain::Invalid::one("seq", "must not be negative"))
        };
        match self {
            Self::Habit { seq, record } => Ok(Record::Habit(record.to_habit(place(*seq)?)?)),
            Self::Entry { seq, record } => Ok(Record::Entry(record.to_entry(place(*seq)?)?)),
        }
    }
}

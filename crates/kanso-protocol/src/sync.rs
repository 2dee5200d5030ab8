//! Sync on the wire.

mod live;
mod operation;
mod result;
mod resume;
mod snapshot;
mod verify;

pub use live::{Bye, HeadNotice, Resync, TicketResponse};
pub use operation::{ActionName, EntityName, OnConflictName, OperationRequest};
pub use result::{ConflictBody, OperationResult, OperationStatus, WaitsFor};
pub use resume::{Resume, ResumeMalformed, ResumePart};
pub use snapshot::SnapshotLine;
pub use verify::{Bucket, VerifyRequest, VerifyResponse};

use kanso_domain::accounts::SettingsRecord;
use kanso_domain::sync::Page;
use kanso_domain::{Invalid, Record, Seq};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::accounts::SettingsBody;
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
    /// How long the answer may wait until there is something new, in milliseconds. With operations
    /// there is something at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = false, minimum = 0, maximum = 25000)]
    pub wait_ms: Option<u32>,
    /// A position that the server must have reached before it answers, such as the `head` of a
    /// poke. It waits for that as long as `wait_ms` says, and carries nothing out before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = false, minimum = 0)]
    pub min_seq: Option<i64>,
    /// At most 500, carried out in order.
    #[serde(default)]
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
    "remaining": 0, "digest": "a3eb69ac60122dd5"
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
    /// Of the live records at `head`, 16 hexadecimal digits; left out while `has_more`. A replica
    /// whose own digest differs has drifted, and finds out where with `POST /sync/verify`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

impl SyncResponse {
    /// The answer with `results` and `page`.
    pub fn new(results: Vec<OperationResult>, page: &Page) -> Self {
        Self {
            results,
            changes: changes(page),
            cursor: crate::format_cursor(page.cursor()),
            head: page.head.seq.get(),
            has_more: page.has_more(),
            remaining: page.remaining,
            digest: (!page.has_more()).then(|| page.head.digest.to_string()),
        }
    }
}

/// The records and the settings of a page in the order of their positions.
fn changes(page: &Page) -> Vec<Change> {
    let mut changes: Vec<_> = page.records.iter().map(Change::from).collect();
    if let Some(settings) = &page.settings {
        let seq = settings.seq.get();
        let place = changes.partition_point(|change| change.seq() < seq);
        changes.insert(place, settings.into());
    }
    changes
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
    /// The settings of the person.
    User {
        /// The position of their newest change.
        seq: i64,
        /// The settings.
        record: SettingsBody,
    },
}

/// What a change carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// A record.
    Record(Box<Record>),
    /// The settings.
    Settings(SettingsRecord),
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

impl From<&SettingsRecord> for Change {
    fn from(settings: &SettingsRecord) -> Self {
        Self::User {
            seq: settings.seq.get(),
            record: settings.into(),
        }
    }
}

impl Change {
    /// Its position.
    pub const fn seq(&self) -> i64 {
        match self {
            Self::Habit { seq, .. } | Self::Entry { seq, .. } | Self::User { seq, .. } => *seq,
        }
    }

    /// What it carries, as a replica keeps it.
    ///
    /// # Errors
    /// What no server of this version writes.
    pub fn read(&self) -> Result<Changed, Invalid> {
        let seq = Seq::new(self.seq());
        let seq = seq.ok_or_else(|| Invalid::one("seq", "must not be negative"))?;
        Ok(match self {
            Self::Habit { record, .. } => {
                Changed::Record(Box::new(Record::Habit(record.to_habit(seq)?)))
            }
            Self::Entry { record, .. } => {
                Changed::Record(Box::new(Record::Entry(record.to_entry(seq)?)))
            }
            Self::User { record, .. } => Changed::Settings(record.to_settings(seq)?),
        })
    }
}

//! Sync: pushes, pulls, snapshots, comparisons and event streams.
//!
//! A client applies the changes of a page to its replica:
//!
//! ```
//! use kanso_protocol::sync::{Change, ChangeContent};
//!
//! let change: Change = serde_json::from_str(
//!     r#"{"entity": "user", "seq": 12, "record": {
//!         "timezone": "Europe/Rome", "week_start": "monday", "day_start": "03:30",
//!         "updated_at": "2026-11-22T13:05:09.123456Z"
//!     }}"#,
//! )?;
//! assert_eq!(change.seq(), 12);
//! let ChangeContent::Settings(settings) = change.read()? else {
//!     panic!("the change has settings");
//! };
//! assert_eq!(settings.settings.timezone.to_string(), "Europe/Rome");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod live;
mod member;
mod operation;
mod push;
mod result;
mod resume;
mod seen;
mod snapshot;
mod verify;

pub use live::{Bye, HeadNotice, Resync, TicketResponse};
pub use member::member_name;
pub use operation::{ActionName, EntityName, OnConflictName, OperationRequest};
pub use push::{PushRequest, PushedOperation, UnreadableOperation};
pub use result::{ConflictBody, OperationResult, OperationStatus, WaitsFor};
pub(crate) use resume::checksum;
pub use resume::{Resume, ResumeMalformed, ResumePart};
pub use snapshot::SnapshotLine;
pub use verify::{Bucket, VerifyRequest, VerifyResponse};

use std::collections::BTreeMap;

use kanso_domain::accounts::SettingsRecord;
use kanso_domain::sync::Page;
use kanso_domain::{Invalid, Record, Seq};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::accounts::SettingsBody;
use crate::entries::EntryRecord;
use crate::habits::HabitRecord;

/// A push and a pull: the operations of the outbox, and the cursor up to which the device has read.
///
/// The server reads it as a [`PushRequest`].
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
    /// Id of the client installation, a UUID made by the client. Send the same id with each request.
    #[serde(
        default,
        with = "crate::text::uuid::optional",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(required = false)]
    // Optional: a tool can sync without being listed as a device, and then delays no purge.
    pub device_id: Option<Uuid>,
    /// Cursor of the last answer. `null` for a device that has no data yet.
    // Text here, parsed by the handler: a bad cursor has its own problem code, not `invalid`.
    #[serde(default)]
    pub cursor: Option<String>,
    /// Maximum number of records in this page, 1 to 1000. Default: 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = false, minimum = 1, maximum = 1000)]
    pub limit: Option<u32>,
    /// Maximum time to wait for a change, in milliseconds, 0 to 25000. Default: 0. A request with
    /// operations never waits, because their results are new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = false, minimum = 0, maximum = 25000)]
    // Checked by the handler, which names the limit; a type could only say that it is not a `u16`.
    pub wait_ms: Option<u32>,
    /// Position that the history must reach before the server acts, such as the `head` of an
    /// event. If it is not reached within `wait_ms`, the answer is 503 `behind` and no operation is
    /// carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = false, minimum = 0)]
    pub min_seq: Option<i64>,
    /// Versions of the pushed records that operations of this device made while other operations on
    /// the same record waited, by record id: at most 500 versions in all. The versions are those of
    /// the results `applied`, `merged` and `duplicate`. An empty object says that there are none.
    /// Without this member the server goes by the cursor, which cannot tell two copies of a replica
    /// apart in every case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = false, example = json!({"0198c2f4-8b7e-7c3a-9d2e-4f5a6b7c8d9e": [2, 3]}))]
    pub seen_versions: Option<BTreeMap<String, Vec<i64>>>,
    /// Operations of the outbox, at most 500. They are carried out in this order. One that cannot be
    /// read is rejected, and the others are carried out.
    #[serde(default)]
    #[schema(max_items = 500)]
    pub operations: Vec<OperationRequest>,
}

/// The results of a push and a page of changes.
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
    /// One result per operation, in the order of the operations. Empty for a pull.
    pub results: Vec<OperationResult>,
    /// Changed records in the order of `seq`, each once and in its newest state. They include the
    /// changes of this device.
    pub changes: Vec<Change>,
    /// Cursor for the next request: opaque text of at most 39 URL-safe characters.
    pub cursor: String,
    /// Head: position of the newest change of the user.
    pub head: i64,
    /// True if more changes are ready. Request the next page at once.
    pub has_more: bool,
    /// Number of records that remain after this page.
    pub remaining: u64,
    /// Digest of the live records at `head`, 16 hexadecimal digits. Left out if `has_more` is true.
    /// If the replica's digest differs, `POST /sync/verify` finds the records that differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Head at the moment when the present history began: 0, or the newest position of the backup if
    /// the database was restored. Only in a pull that began without a cursor. A change after this
    /// position that a client read before `epoch_changed` was lost, whatever its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = false, minimum = 0)]
    pub history_start: Option<i64>,
}

impl SyncResponse {
    /// Builds the answer from the results of the operations and a page of the delta.
    pub fn new(results: Vec<OperationResult>, page: &Page) -> Self {
        // `head` may be above the cursor: it is the newest position, and the cursor is the end of
        // this page.
        Self {
            results,
            changes: changes(page),
            cursor: crate::format_cursor(page.cursor()),
            head: page.head.seq.get(),
            has_more: page.has_more(),
            remaining: page.remaining,
            // Before the last page the replica lacks records, so a comparison would always fail.
            digest: (!page.has_more()).then(|| page.head.digest.to_string()),
            history_start: page.first_pull.map(|_| page.head.history_start.get()),
        }
    }
}

/// Returns the records and the settings of a page in the order of their positions.
fn changes(page: &Page) -> Vec<Change> {
    let mut changes: Vec<_> = page.records.iter().map(Change::from).collect();
    if let Some(settings) = &page.settings {
        let seq = settings.seq.get();
        // A client that stops in the middle of a page may continue after the last `seq` that it
        // applied, so the settings must stand between the records and not at an end.
        let place = changes.partition_point(|change| change.seq() < seq);
        changes.insert(place, settings.into());
    }
    changes
}

/// A changed record with the position of its newest change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
// The tag beside the record lets a client choose the type before it reads the record, and skip an
// entity that it does not know.
#[serde(tag = "entity", rename_all = "snake_case")]
pub enum Change {
    /// A changed habit.
    Habit {
        /// Position of the newest change of the record.
        seq: i64,
        /// The habit. A tombstone has `deleted_at`.
        record: HabitRecord,
    },
    /// A changed entry.
    Entry {
        /// Position of the newest change of the record.
        seq: i64,
        /// The entry. A tombstone has `deleted_at`.
        record: EntryRecord,
    },
    /// Changed settings of the user.
    User {
        /// Position of the newest change of the settings.
        seq: i64,
        /// The settings in their newest state.
        record: SettingsBody,
    },
}

/// Content of a [`Change`] in the types of the domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeContent {
    /// A habit or an entry.
    // Boxed: a habit is many times larger than the settings.
    Record(Box<Record>),
    /// The settings of the user.
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
    /// Returns the position of the change.
    pub const fn seq(&self) -> i64 {
        match self {
            Self::Habit { seq, .. } | Self::Entry { seq, .. } | Self::User { seq, .. } => *seq,
        }
    }

    /// Converts the content to the types of the domain, as a replica stores it.
    ///
    /// # Errors
    /// The members that no server of this version writes, such as a negative position.
    pub fn read(&self) -> Result<ChangeContent, Invalid> {
        // The server is trusted, but the bytes may come from a cache or another version of it.
        let seq = Seq::new(self.seq());
        let seq = seq.ok_or_else(|| Invalid::one("seq", "must not be negative"))?;
        Ok(match self {
            Self::Habit { record, .. } => {
                ChangeContent::Record(Box::new(Record::Habit(record.to_habit(seq)?)))
            }
            Self::Entry { record, .. } => {
                ChangeContent::Record(Box::new(Record::Entry(record.to_entry(seq)?)))
            }
            Self::User { record, .. } => ChangeContent::Settings(record.to_settings(seq)?),
        })
    }
}

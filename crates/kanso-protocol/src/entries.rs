//! Entries: records and requests.
//!
//! ```
//! use kanso_protocol::entries::CreateEntry;
//!
//! let create: CreateEntry = kanso_protocol::read(
//!     br#"{"habit_id": "0198c2f4-8b7e-7c3a-9d2e-4f5a6b7c8d9e",
//!         "completion_date": "2026-11-22", "value": 12.5}"#,
//! )?;
//! let fields = create.fields()?;
//! assert_eq!(fields.value.map(|value| value.to_f64()), Some(12.5));
//! // Members that are left out stay open: the domain fills in the defaults.
//! assert_eq!(fields.notes, None);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use kanso_domain::entries::{self, Completion, Entry, EntryDetails, EntryFields};
use kanso_domain::record::{Provenance, Stamp};
use kanso_domain::text::Notes;
use kanso_domain::time::parse_date;
use kanso_domain::validation::{Checker, Invalid};
use kanso_domain::{EntryId, HabitId, Quantity, Seq, Timestamp, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{Patch, parse_uuid};

/// Kind of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// An amount. 0 means that the habit was not done.
    Value,
    /// A skipped day: it neither counts for a streak nor breaks it.
    Skip,
}

impl From<EntryKind> for entries::EntryKind {
    fn from(wire: EntryKind) -> Self {
        match wire {
            EntryKind::Value => Self::Value,
            EntryKind::Skip => Self::Skip,
        }
    }
}

impl From<entries::EntryKind> for EntryKind {
    fn from(domain: entries::EntryKind) -> Self {
        match domain {
            entries::EntryKind::Value => Self::Value,
            entries::EntryKind::Skip => Self::Skip,
        }
    }
}

/// An entry: one record of a habit on one day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": "0198c2f5-0000-7c3a-9d2e-4f5a6b7c8d9e",
    "habit_id": "0198c2f4-8b7e-7c3a-9d2e-4f5a6b7c8d9e",
    "completion_date": "2026-11-22T20:15:00.000000Z", "timezone": "Europe/Rome",
    "local_date": "2026-11-22", "kind": "value", "value": 12.5, "notes": "", "version": 1,
    "created_at": "2026-11-22T20:15:02.123456Z", "updated_at": "2026-11-22T20:15:02.123456Z",
    "deleted_at": null
}))]
pub struct EntryRecord {
    /// Id, a UUID. Unique within the account.
    #[serde(with = "crate::text::uuid")]
    pub id: Uuid,
    /// Id of the habit that the entry belongs to.
    #[serde(with = "crate::text::uuid")]
    pub habit_id: Uuid,
    /// Time of completion, in UTC. For an entry that was created with a date: midnight UTC of that
    /// date.
    #[serde(with = "crate::text")]
    #[schema(value_type = String, format = DateTime)]
    pub completion_date: Timestamp,
    /// Time zone of the device, an IANA name such as `Europe/Rome`.
    pub timezone: Option<String>,
    /// Date that the entry counts for, `YYYY-MM-DD`.
    #[schema(format = Date)]
    pub local_date: String,
    /// Kind: an amount or a skipped day.
    pub kind: EntryKind,
    /// Amount, with at most three decimals.
    #[serde(with = "crate::text::quantity")]
    #[schema(value_type = f64)]
    pub value: Quantity,
    /// Notes of the user.
    pub notes: String,
    /// Version, for optimistic locking: 1 after the create, one more with each edit.
    pub version: i64,
    /// Time at which the server first stored the entry.
    #[serde(with = "crate::text")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Time at which the server last stored a change. Strictly increasing within the account.
    #[serde(with = "crate::text")]
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    /// Time of the deletion. `null` for a live entry.
    #[serde(with = "crate::text::nullable")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub deleted_at: Option<Timestamp>,
}

impl From<&Entry> for EntryRecord {
    fn from(entry: &Entry) -> Self {
        // No `..`: a new field of the domain does not compile until it is decided if it is sent.
        let Entry {
            id,
            details,
            stamp,
            provenance: _,
        } = entry;
        Self {
            id: id.uuid(),
            habit_id: details.habit_id.uuid(),
            completion_date: details.completion.instant(),
            timezone: details.timezone.as_ref().map(ToString::to_string),
            local_date: details.local_date.to_string(),
            kind: details.kind.into(),
            value: details.value,
            notes: details.notes.to_string(),
            version: stamp.version.get(),
            created_at: stamp.created_at,
            updated_at: stamp.updated_at,
            deleted_at: stamp.deleted_at,
        }
    }
}

impl EntryRecord {
    /// Converts the record to the type of the domain, as a replica stores it.
    ///
    /// `seq` is an argument because on the wire it is a member of the change, not of the record.
    ///
    /// # Errors
    /// The members that no server of this version writes, such as a version of 0.
    pub fn to_entry(&self, seq: Seq) -> Result<Entry, Invalid> {
        let mut checker = Checker::new();
        // All members are parsed before the first error returns, so a damaged record is reported
        // as a whole.
        let version = Version::new(self.version).ok_or("must be positive");
        let version = checker.take("version", version);
        let timezone = self.timezone.as_ref().map(|name| name.parse()).transpose();
        let timezone = checker.take("timezone", timezone);
        let local_date = parse_date(&self.local_date).ok_or("must be a date YYYY-MM-DD");
        let local_date = checker.take("local_date", local_date);
        let notes = checker.take("notes", Notes::new(&self.notes));
        let (Some(version), Some(timezone), Some(local_date), Some(notes)) =
            (version, timezone, local_date, notes)
        else {
            return Err(checker.into_invalid("version"));
        };
        let details = EntryDetails {
            habit_id: HabitId::new(self.habit_id),
            // The wire has no mark for an entry that was created with a date. `local_date` is
            // stored, so the day of the entry is the same.
            completion: Completion::At(self.completion_date),
            timezone,
            local_date,
            kind: self.kind.into(),
            value: self.value,
            notes,
        };
        let stamp = Stamp {
            seq,
            version,
            created_at: self.created_at,
            updated_at: self.updated_at,
            deleted_at: self.deleted_at,
        };
        checker.finish(Entry {
            id: EntryId::new(self.id),
            details,
            stamp,
            // Only the server knows which device edited which member.
            provenance: Provenance::at(version, None),
        })
    }
}

/// Declares a request type: its own members, and all members that the user edits.
///
/// A create, an update and an operation have the same members. `#[serde(flatten)]` would share them
/// in one struct, but it does not work with `deny_unknown_fields`.
macro_rules! entry_request {
    ($(#[$doc:meta])* $name:ident { $($own:tt)* }) => {
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
        $(#[$doc])*
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($own)*
            /// Id of the habit that the entry belongs to. It cannot change after the create.
            #[serde(default, skip_serializing_if = "Patch::is_absent")]
            // Text here, parsed in `fields`: serde would stop at the first invalid member, and a
            // form shows all errors at once.
            #[schema(value_type = Uuid, required = false)]
            pub habit_id: Patch<String>,
            /// Time of completion: an RFC 3339 instant, or a date `YYYY-MM-DD` that is the same date
            /// in every zone.
            #[serde(default, skip_serializing_if = "Patch::is_absent")]
            #[schema(value_type = String, required = false, example = "2026-11-22T20:15:00Z")]
            pub completion_date: Patch<String>,
            /// Time zone of the device, an IANA name. If `null` or left out of a create: the zone of
            /// the account.
            #[serde(default, skip_serializing_if = "Patch::is_absent")]
            #[schema(value_type = Option<String>, required = false, example = "Europe/Rome")]
            pub timezone: Patch<String>,
            /// Date that the entry counts for, `YYYY-MM-DD`. If `null` or left out of a create, it is
            /// computed from `completion_date` and the zone.
            #[serde(default, skip_serializing_if = "Patch::is_absent")]
            #[schema(value_type = Option<String>, required = false, format = Date)]
            pub local_date: Patch<String>,
            /// Kind: `value` for an amount, `skip` for a skipped day. Default in a create: `value`.
            #[serde(default, skip_serializing_if = "Patch::is_absent")]
            #[schema(value_type = EntryKind, required = false)]
            pub kind: Patch<EntryKind>,
            /// Amount from 0 to 1000000000, with at most three decimals. Default in a create: 1, for a skip 0.
            #[serde(default, skip_serializing_if = "Patch::is_absent")]
            // A number of JSON here; `fields` converts it to thousandths and refuses more decimals.
            #[schema(value_type = f64, required = false, minimum = 0, maximum = 1_000_000_000)]
            pub value: Patch<f64>,
            /// Notes of the user, at most 2000 characters.
            #[serde(default, skip_serializing_if = "Patch::is_absent")]
            #[schema(value_type = String, required = false, max_length = 2000)]
            pub notes: Patch<String>,
        }

        impl $name {
            /// Converts the members to the type of the domain.
            ///
            /// # Errors
            /// All members whose value is invalid on its own. Rules between members are checked by the
            /// domain, which also knows the stored record.
            pub fn fields(self) -> Result<EntryFields, Invalid> {
                let mut checker = Checker::new();
                let check = &mut checker;
                let parse_day = |text: String| parse_date(&text).ok_or("must be a date YYYY-MM-DD");
                let fields = EntryFields {
                    habit_id: self
                        .habit_id
                        .parse_value("habit_id", check, |text| parse_uuid(&text).map(HabitId::new)),
                    completion: self
                        .completion_date
                        .parse_value("completion_date", check, |text| text.parse()),
                    timezone: self
                        .timezone
                        .parse_nullable("timezone", check, |text| text.parse()),
                    local_date: self.local_date.parse_nullable("local_date", check, parse_day),
                    kind: self.kind.required_value("kind", check).map(Into::into),
                    value: self.value.parse_value("value", check, Quantity::from_f64),
                    notes: self.notes.parse_value("notes", check, |text| Notes::new(&text)),
                };
                checker.finish(fields)
            }
        }
    };
}

entry_request! {
    /// A new entry. Only `habit_id` and `completion_date` are required.
    #[schema(example = json!({
        "habit_id": "0198c2f4-8b7e-7c3a-9d2e-4f5a6b7c8d9e",
        "completion_date": "2026-11-22T20:15:00Z", "timezone": "Europe/Rome", "value": 12.5
    }))]
    CreateEntry {
        /// Id of the new record, a UUID made by the client: a retry with the same id creates nothing
        /// twice. If left out, the server makes one.
        #[serde(default, with = "crate::text::uuid::optional", skip_serializing_if = "Option::is_none")]
        #[schema(required = false)]
        pub id: Option<Uuid>,
    }
}

entry_request! {
    /// A change of an entry. Members that are left out keep their values; `null` clears a nullable
    /// member.
    #[schema(example = json!({"version": 1, "value": 15}))]
    UpdateEntry {
        /// Version that the change is based on, at least 1. The header `If-Match` can be sent instead.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(required = false, minimum = 1)]
        pub version: Option<i64>,
    }
}

entry_request! {
    /// Members of an entry in the `fields` of an operation.
    #[schema(example = json!({
        "habit_id": "0198c2f4-8b7e-7c3a-9d2e-4f5a6b7c8d9e",
        "completion_date": "2026-11-22T20:15:00Z", "value": 12.5
    }))]
    EntryMembers {}
}

impl EntryMembers {
    /// Returns all members of `record` that the user can edit.
    pub fn of(record: &EntryRecord) -> Self {
        let record = record.clone();
        Self {
            habit_id: Patch::Value(record.habit_id.to_string()),
            completion_date: Patch::Value(record.completion_date.to_string()),
            // Present as `null` and not absent: an edit back to a record without a zone must clear it.
            timezone: Patch::nullable(record.timezone),
            local_date: Patch::Value(record.local_date),
            kind: Patch::Value(record.kind),
            value: Patch::Value(record.value.to_f64()),
            notes: Patch::Value(record.notes),
        }
    }
}

/// Entries that changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "changes": [{
        "id": "0198c2f5-0000-7c3a-9d2e-4f5a6b7c8d9e", "habit_id": "0198c2f4-8b7e-7c3a-9d2e-4f5a6b7c8d9e",
        "completion_date": "2026-11-22T20:15:00.000000Z", "timezone": "Europe/Rome",
        "local_date": "2026-11-22", "kind": "value", "value": 12.5, "notes": "", "version": 2,
        "created_at": "2026-11-22T20:15:02.123456Z", "updated_at": "2026-11-22T20:16:00.000001Z",
        "deleted_at": "2026-11-22T20:16:00.000001Z"
    }],
    "timestamp": "2026-11-22T20:16:00.000001Z", "cursor": "k1_ASNFZ4mrze8AAAAAAAAicE0YKy0"
}))]
pub struct EntryChanges {
    /// Changed records in the order of their changes, each once and in its newest state. Tombstones
    /// have `deleted_at`.
    pub changes: Vec<EntryRecord>,
    /// Time of the newest change. Send it unchanged as the next `since`.
    #[serde(with = "crate::text")]
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: Timestamp,
    /// Cursor of the same position, which can be used instead of the time.
    pub cursor: String,
    /// True if another page follows. Only in the answer to a request with `limit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub has_more: Option<bool>,
}

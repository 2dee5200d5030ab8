//! Entries on the wire.

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

/// What an entry says of its day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// An amount was done; 0 is an explicit "no".
    Value,
    /// A day off: it neither counts nor breaks a streak.
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

/// An entry.
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
    /// Unique within the user.
    #[serde(with = "crate::text::uuid")]
    pub id: Uuid,
    /// The habit that it belongs to.
    #[serde(with = "crate::text::uuid")]
    pub habit_id: Uuid,
    /// When it was done. For an entry that was sent as a date, midnight of that date in UTC.
    #[serde(with = "crate::text")]
    #[schema(value_type = String, format = DateTime)]
    pub completion_date: Timestamp,
    /// The zone that the device was in, an IANA name.
    pub timezone: Option<String>,
    /// The civil date that it counts for.
    #[schema(format = Date)]
    pub local_date: String,
    /// An amount, or a day off.
    pub kind: EntryKind,
    /// How much; at most three decimals.
    #[serde(with = "crate::text::quantity")]
    #[schema(value_type = f64)]
    pub value: Quantity,
    /// The person's words.
    pub notes: String,
    /// For optimistic locking: 1 when created, one more with each edit.
    pub version: i64,
    /// When the server first stored the entry.
    #[serde(with = "crate::text")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When the server last stored a change; strictly increasing per user.
    #[serde(with = "crate::text")]
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    /// When the entry became a tombstone.
    #[serde(with = "crate::text::nullable")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub deleted_at: Option<Timestamp>,
}

impl From<&Entry> for EntryRecord {
    fn from(entry: &Entry) -> Self {
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
    /// The entry, as a replica keeps it; `seq` stands beside a record, not in it.
    ///
    /// # Errors
    /// A record that no server of this version writes.
    pub fn to_entry(&self, seq: Seq) -> Result<Entry, Invalid> {
        let mut checker = Checker::new();
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
            // Kept by the server alone.
            provenance: Provenance::at(version, None),
        })
    }
}

/// Declares a request type: its own members, and all that a person edits.
macro_rules! entry_request {
    ($(#[$doc:meta])* $name:ident { $($own:tt)* }) => {
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
        $(#[$doc])*
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($own)*
            /// The habit that it belongs to; fixed when the entry is created.
            #[serde(default, skip_serializing_if = "Patch::is_absent")]
            #[schema(value_type = Uuid, required = false)]
            pub habit_id: Patch<String>,
            /// When it was done: an RFC 3339 instant, or a date `YYYY-MM-DD` that is that date in
            /// every zone.
            #[serde(default, skip_serializing_if = "Patch::is_absent")]
            #[schema(value_type = String, required = false, example = "2026-11-22T20:15:00Z")]
            pub completion_date: Patch<String>,
            /// The zone that the device is in, an IANA name; without it the user's is used.
            #[serde(default, skip_serializing_if = "Patch::is_absent")]
            #[schema(value_type = Option<String>, required = false, example = "Europe/Rome")]
            pub timezone: Patch<String>,
            /// The civil date that it counts for; `null` or left out, it is computed.
            #[serde(default, skip_serializing_if = "Patch::is_absent")]
            #[schema(value_type = Option<String>, required = false, format = Date)]
            pub local_date: Patch<String>,
            /// An amount, or a day off.
            #[serde(default, skip_serializing_if = "Patch::is_absent")]
            #[schema(value_type = EntryKind, required = false)]
            pub kind: Patch<EntryKind>,
            /// How much, at most three decimals; left out of a create: 1, for a skip 0.
            #[serde(default, skip_serializing_if = "Patch::is_absent")]
            #[schema(value_type = f64, required = false, minimum = 0, maximum = 1_000_000_000)]
            pub value: Patch<f64>,
            /// The person's words, at most 2000 characters.
            #[serde(default, skip_serializing_if = "Patch::is_absent")]
            #[schema(value_type = String, required = false, max_length = 2000)]
            pub notes: Patch<String>,
        }

        impl $name {
            /// The members in the domain's terms.
            ///
            /// # Errors
            /// Every member that cannot be accepted by itself.
            pub fn fields(self) -> Result<EntryFields, Invalid> {
                let mut checker = Checker::new();
                let check = &mut checker;
                let parse_day = |text: String| parse_date(&text).ok_or("must be a date YYYY-MM-DD");
                let fields = EntryFields {
                    habit_id: self
                        .habit_id
                        .parsed("habit_id", check, |text| parse_uuid(&text).map(HabitId::new)),
                    completion: self
                        .completion_date
                        .parsed("completion_date", check, |text| text.parse()),
                    timezone: self
                        .timezone
                        .parsed_or_null("timezone", check, |text| text.parse()),
                    local_date: self.local_date.parsed_or_null("local_date", check, parse_day),
                    kind: self.kind.given("kind", check).map(Into::into),
                    value: self.value.parsed("value", check, Quantity::from_f64),
                    notes: self.notes.parsed("notes", check, |text| Notes::new(&text)),
                };
                checker.finish(fields)
            }
        }
    };
}

entry_request! {
    /// A new entry; `habit_id` and `completion_date` are enough.
    #[schema(example = json!({
        "habit_id": "0198c2f4-8b7e-7c3a-9d2e-4f5a6b7c8d9e",
        "completion_date": "2026-11-22T20:15:00Z", "timezone": "Europe/Rome", "value": 12.5
    }))]
    CreateEntry {
        /// Made by the client, so that a retry creates nothing twice; left out, by the server.
        #[serde(default, with = "crate::text::uuid::optional", skip_serializing_if = "Option::is_none")]
        #[schema(required = false)]
        pub id: Option<Uuid>,
    }
}

entry_request! {
    /// A change of an entry; what is left out stays, `null` clears what may be null.
    #[schema(example = json!({"version": 1, "value": 15}))]
    UpdateEntry {
        /// The version that the change builds on; instead of it, a header `If-Match` may be sent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(required = false, minimum = 1)]
        pub version: Option<i64>,
    }
}

entry_request! {
    /// The members of an entry that an operation gives.
    #[schema(example = json!({
        "habit_id": "0198c2f4-8b7e-7c3a-9d2e-4f5a6b7c8d9e",
        "completion_date": "2026-11-22T20:15:00Z", "value": 12.5
    }))]
    EntryMembers {}
}

impl EntryMembers {
    /// All members of `record` that a person edits.
    pub fn of(record: &EntryRecord) -> Self {
        let record = record.clone();
        Self {
            habit_id: Patch::Value(record.habit_id.to_string()),
            completion_date: Patch::Value(record.completion_date.to_string()),
            timezone: Patch::nullable(record.timezone),
            local_date: Patch::Value(record.local_date),
            kind: Patch::Value(record.kind),
            value: Patch::Value(record.value.to_f64()),
            notes: Patch::Value(record.notes),
        }
    }
}

/// The entries that changed.
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
    /// Each once, in its newest state, in the order of changes; tombstones have `deleted_at`.
    pub changes: Vec<EntryRecord>,
    /// The newest change's time: for the next `since`, byte for byte.
    #[serde(with = "crate::text")]
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: Timestamp,
    /// The same as a cursor.
    pub cursor: String,
}

//! The lines of an export of an account.
//!
//! Each line is one JSON object:
//!
//! ```
//! use kanso_protocol::export::ExportLine;
//!
//! let line: ExportLine = serde_json::from_str(
//!     r#"{"type": "end", "head": 1830, "digest": "a3eb69ac60122dd5", "devices": 2,
//!         "sessions": 2, "records": 1830}"#,
//! )?;
//! assert!(matches!(line, ExportLine::End { records: 1830, .. }));
//! # Ok::<(), serde_json::Error>(())
//! ```

use kanso_domain::Timestamp;
use kanso_domain::sessions::Session;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::accounts::AccountRecord;
use crate::devices::DeviceRecord;
use crate::sessions::EventRecord;
use crate::sync::Change;

/// Number of the format that [`ExportLine`] describes.
///
/// An incompatible format gets another number; new members and new types of lines keep this one.
// Users keep exports for years, so a reader must know from the first line if it can read the file.
pub const EXPORT_FORMAT: u32 = 1;

/// A line of an export. An export without a line `end` is incomplete.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ExportLine {
    /// First line.
    Begin {
        /// Number of the format: 1.
        format: u32,
        /// Time at which the export began.
        #[serde(with = "crate::text")]
        #[schema(value_type = String, format = DateTime)]
        exported_at: Timestamp,
        /// The account. The server also stores a hash of the password, which is not exported.
        account: AccountRecord,
    },
    /// A device of the account.
    Device(DeviceRecord),
    /// An open session. The server also stores hashes of its refresh tokens, which are not exported.
    Session(SessionRecord),
    /// A security event.
    Event(EventRecord),
    /// A habit, an entry, a tombstone of either, or the settings.
    // Boxed: a record is many times larger than the other lines.
    Record(Box<Change>),
    /// Last line.
    End {
        /// Position of the newest change in the export. A record that changed while the export ran
        /// may appear twice; the later line counts.
        head: i64,
        /// Digest of the live records at `head`, 16 hexadecimal digits.
        digest: String,
        /// Number of lines `device`.
        devices: u64,
        /// Number of lines `session`.
        sessions: u64,
        /// Number of lines `event`.
        #[serde(default)]
        events: u64,
        /// Number of lines `record`.
        records: u64,
    },
}

/// A session: one log-in on one device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionRecord {
    /// Id of the session, which is also in its access tokens.
    #[serde(with = "crate::text::uuid")]
    pub id: Uuid,
    /// Time of the log-in.
    #[serde(with = "crate::text")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Time of the last refresh. `null` if there was none.
    #[serde(with = "crate::text::nullable")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub refreshed_at: Option<Timestamp>,
    /// Time at which the session ends unless it is refreshed.
    #[serde(with = "crate::text")]
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

impl From<&Session> for SessionRecord {
    fn from(session: &Session) -> Self {
        Self {
            id: session.id.uuid(),
            created_at: session.created_at,
            // The session has the time at which its previous refresh token was replaced.
            refreshed_at: session.previous.map(|(_, at)| at),
            expires_at: session.expires_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn line_is_flat_and_round_trips() {
        let at = "2026-11-22T13:05:09.123456Z";
        let id = "0198c2f4-8b7e-7c3a-9d2e-4f5a6b7c8d9e";
        let account = json!({
            "id": id, "email": "ada@example.org", "timezone": "Europe/Rome",
            "week_start": "monday", "day_start": "00:00", "created_at": at
        });
        // Literals and not structs: the names of the members are the contract.
        for text in [
            json!({"type": "begin", "format": 1, "exported_at": at, "account": account}),
            json!({
                "type": "device", "id": id, "first_seen_at": at, "last_seen_at": at,
                "position": 3, "behind": 0
            }),
            json!({
                "type": "session", "id": id, "created_at": at, "refreshed_at": null, "expires_at": at
            }),
            json!({
                "type": "record", "entity": "user", "seq": 2,
                "record": {
                    "timezone": "Europe/Rome", "week_start": "monday", "day_start": "00:00",
                    "updated_at": at
                }
            }),
            json!({
                "type": "event", "id": id, "at": at, "event": "logged_in", "session_id": null,
                "client": "192.0.2.7"
            }),
            json!({
                "type": "end", "head": 3, "digest": "00", "devices": 1, "sessions": 1, "events": 1,
                "records": 1
            }),
        ] {
            let line: ExportLine = serde_json::from_value(text.clone()).expect("a line");
            assert_eq!(serde_json::to_value(&line).expect("JSON"), text);
        }
    }
}

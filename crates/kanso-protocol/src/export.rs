//! What a person has on the server, line by line.

use kanso_domain::Timestamp;
use kanso_domain::sessions::Session;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::accounts::AccountRecord;
use crate::devices::DeviceRecord;
use crate::sync::Change;

/// The form of the lines that [`ExportLine`] describes. Another form has another number; new members
/// and new types of lines do not make one.
pub const EXPORT_FORMAT: u32 = 1;

/// A line of an export. Without an `end` it was cut off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ExportLine {
    /// The first line.
    Begin {
        /// The form of the lines, 1.
        format: u32,
        /// When the export began.
        #[serde(with = "crate::text")]
        #[schema(value_type = String, format = DateTime)]
        exported_at: Timestamp,
        /// Whose it is. A hash of the password is kept too, which only the server can use.
        account: AccountRecord,
    },
    /// A device that syncs.
    Device(DeviceRecord),
    /// A log-in that can still be refreshed. Hashes of its refresh tokens are kept too.
    Session(SessionRecord),
    /// A habit or an entry, a tombstone of one, or the settings.
    Record(Box<Change>),
    /// The last line.
    End {
        /// The position of the newest change that is in it. A record that changed while the export
        /// ran may be there twice; the later one counts.
        head: i64,
        /// Of the live records at `head`.
        digest: String,
        /// How many lines were devices.
        devices: u64,
        /// How many lines were sessions.
        sessions: u64,
        /// How many lines were records.
        records: u64,
    },
}

/// A log-in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionRecord {
    /// Its id, which is in its tokens.
    #[serde(with = "crate::text::uuid")]
    pub id: Uuid,
    /// When somebody logged in.
    #[serde(with = "crate::text")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was refreshed last, if it was.
    #[serde(with = "crate::text::nullable")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub refreshed_at: Option<Timestamp>,
    /// When it ends if it is not refreshed before.
    #[serde(with = "crate::text")]
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

impl From<&Session> for SessionRecord {
    fn from(session: &Session) -> Self {
        Self {
            id: session.id.uuid(),
            created_at: session.created_at,
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
    fn a_line_is_flat_and_survives_its_text() {
        let at = "2026-11-22T13:05:09.123456Z";
        let id = "0198c2f4-8b7e-7c3a-9d2e-4f5a6b7c8d9e";
        let account = json!({
            "id": id, "email": "ada@example.org", "timezone": "Europe/Rome",
            "week_start": "monday", "day_start": "00:00", "created_at": at
        });
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
                "type": "end", "head": 3, "digest": "00", "devices": 1, "sessions": 1, "records": 1
            }),
        ] {
            let line: ExportLine = serde_json::from_value(text.clone()).expect("a line");
            assert_eq!(serde_json::to_value(&line).expect("JSON"), text);
        }
    }
}

//! The lines of a snapshot.
//!
//! Each line is one JSON object:
//!
//! ```
//! use kanso_protocol::sync::SnapshotLine;
//!
//! let line: SnapshotLine = serde_json::from_str(
//!     r#"{"type": "end", "cursor": "k1_ASNFZ4mrze8AAAAAAAAicHNaYSc", "records": 1830}"#,
//! )?;
//! let SnapshotLine::End { records, digest, .. } = line else {
//!     panic!("the snapshot was cut off");
//! };
//! assert_eq!(records, 1830);
//! // Without a digest, something changed while the snapshot was sent.
//! assert_eq!(digest, None);
//! # Ok::<(), serde_json::Error>(())
//! ```

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Change;

/// A line of a snapshot. A snapshot without a line `end` is incomplete.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum SnapshotLine {
    /// First line.
    Begin {
        /// Head when the snapshot began.
        head: i64,
        /// Digest of the live records at `head`, 16 hexadecimal digits.
        digest: String,
        /// Cursor at `head`: a pull with it returns the changes since the snapshot began.
        cursor: String,
        /// Head at the moment when the present history began: 0, or the newest position of the
        /// backup if the database was restored.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(required = false, minimum = 0)]
        history_start: Option<i64>,
    },
    /// A live habit, a live entry or the settings.
    // Boxed: a record is many times larger than the other lines.
    Record(Box<Change>),
    /// Checkpoint: the lines before it need not be sent again.
    Mark {
        /// Value for the parameter `resume` if the rest of the answer does not arrive.
        resume: String,
    },
    /// Last line.
    End {
        /// Cursor of `begin`. Pull with it next: the changes that it returns complete the replica.
        cursor: String,
        /// Digest of the records that were sent. Left out if something changed meanwhile.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        digest: Option<String>,
        /// Number of lines `record` in this answer.
        records: u64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn line_is_flat_and_round_trips() {
        let settings = json!({
            "timezone": "Europe/Rome", "week_start": "monday", "day_start": "00:00",
            "updated_at": "2026-11-22T13:05:09.123456Z"
        });
        // Literals and not structs: the names of the members are the contract.
        for text in [
            json!({"type": "begin", "head": 3, "digest": "00", "cursor": "k1_"}),
            json!({"type": "begin", "head": 3, "digest": "00", "cursor": "k1_", "history_start": 2}),
            json!({"type": "record", "entity": "user", "seq": 2, "record": settings}),
            json!({"type": "mark", "resume": "ks1_"}),
            json!({"type": "end", "cursor": "k1_", "records": 7}),
            json!({"type": "end", "cursor": "k1_", "digest": "00", "records": 7}),
        ] {
            let line: SnapshotLine = serde_json::from_value(text.clone()).expect("a line");
            assert_eq!(serde_json::to_value(&line).expect("JSON"), text);
        }
    }
}

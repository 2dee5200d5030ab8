//! A snapshot, line by line.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Change;

/// A line of a snapshot. Without an `end` it was cut off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum SnapshotLine {
    /// The first line.
    Begin {
        /// The position of the newest change when the snapshot began.
        head: i64,
        /// Of the live records at `head`.
        digest: String,
        /// Where a delta goes on that has everything since.
        cursor: String,
    },
    /// A live record, or the settings.
    Record(Box<Change>),
    /// Everything up to here need not be sent again.
    Mark {
        /// For the parameter `resume`, if the rest does not arrive.
        resume: String,
    },
    /// The last line.
    End {
        /// The cursor of `begin`: the delta after it makes the replica exact.
        cursor: String,
        /// Of what was sent, if nothing changed meanwhile.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        digest: Option<String>,
        /// How many lines of this answer were records.
        records: u64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_line_is_flat_and_survives_its_text() {
        let settings = json!({
            "timezone": "Europe/Rome", "week_start": "monday", "day_start": "00:00",
            "updated_at": "2026-11-22T13:05:09.123456Z"
        });
        for text in [
            json!({"type": "begin", "head": 3, "digest": "00", "cursor": "k1_"}),
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

//! The golden vectors of the texts that clients keep and bring back. Replicas also keep the JSON of
//! records, operations and results, so its names and its forms are pinned here too.

use kanso_domain::sync::{Cursor, Digest, Epoch};
use kanso_domain::{Seq, UserId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use crate::entries::EntryRecord;
use crate::habits::HabitRecord;
use crate::sync::{OperationRequest, OperationResult, Resume, ResumePart};
use crate::{format_cursor, idempotency, parse_cursor};

fn golden(name: &str) -> Value {
    let file = include_str!("../tests/golden/texts.json");
    let mut file: Value = serde_json::from_str(file).expect("the golden file is JSON");
    file[name].take()
}

fn cases(name: &str) -> Vec<Value> {
    match golden(name) {
        Value::Array(cases) => cases,
        other => panic!("{name} is {other}"),
    }
}

fn seq(number: &Value) -> Option<Seq> {
    number.as_i64().and_then(Seq::new)
}

#[test]
fn cursors_have_their_golden_texts() {
    for case in cases("cursors") {
        let epoch = case["epoch"].as_str().expect("digits");
        let cursor = Cursor {
            epoch: Epoch::new(u64::from_str_radix(epoch, 16).expect("hexadecimal")),
            seq: seq(&case["seq"]).expect("a position"),
            first_pull: seq(&case["first_pull"]),
        };
        let text = case["text"].as_str().expect("a text");
        assert_eq!(format_cursor(cursor), text);
        assert_eq!(parse_cursor(text), Ok(cursor));
    }
}

#[test]
fn snapshots_resume_at_their_golden_texts() {
    let user = UserId::new(Uuid::from_u128(1));
    for case in cases("resumes") {
        let resume = Resume {
            epoch: Epoch::new(0x0123_4567_89ab_cdef),
            seq: Seq::new(8_816).expect("a position"),
            digest: Digest::new(5),
            recent_from: "2026-08-24".parse().expect("a date"),
            part: match case["part"].as_str() {
                Some("habits") => ResumePart::Habits,
                Some("recent") => ResumePart::Recent,
                _ => ResumePart::Older,
            },
            after: case["after"].as_str().and_then(|id| id.parse().ok()),
        };
        let text = case["text"].as_str().expect("a text");
        assert_eq!(resume.text(user), text);
        assert_eq!(Resume::parse(text, user), Ok(resume));
    }
}

#[test]
fn keys_have_their_golden_ids() {
    for (key, id) in golden("ids_of_keys").as_object().expect("an object") {
        assert_eq!(id, &idempotency::id_of(key).to_string(), "{key}");
    }
}

/// Reads each case as a `T` and writes it again.
fn survive<T: Serialize + DeserializeOwned>(name: &str) {
    for case in cases(name) {
        let text = case.as_str().expect("a text");
        let value: T = serde_json::from_str(text).expect(text);
        let written = serde_json::to_string(&value).expect("JSON");
        assert_eq!(written, text, "{name}");
    }
}

#[test]
fn replicas_keep_their_golden_texts() {
    survive::<OperationRequest>("outbox_bodies");
    survive::<OperationResult>("results");
    survive::<HabitRecord>("habits");
    survive::<EntryRecord>("entries");
}

//! The columns that hold more than one value are what other releases read.

use kanso_application::ports::storage::Storage as _;
use kanso_testkit::stored::{GOLDEN, operations};
use rusqlite::Connection;
use serde_json::Value;

use crate::store::{file, open, register, submit};

fn golden(name: &str) -> Value {
    let file: Value = serde_json::from_str(GOLDEN).unwrap();
    file[name].clone()
}

fn golden_text(name: &str) -> String {
    golden(name).as_str().unwrap().to_owned()
}

#[tokio::test]
async fn columns_have_their_golden_content() {
    let folder = tempfile::tempdir().unwrap();
    let storage = open(folder.path());
    let user = register(&storage, 1).await;
    for operation in operations() {
        submit(&storage, user, vec![operation]).await.unwrap();
    }
    storage.close().await.unwrap();
    let connection = Connection::open(file(folder.path())).unwrap();
    let text = |sql: &str| -> String { connection.query_row(sql, [], |row| row.get(0)).unwrap() };
    for (name, sql) in [
        ("schedule_history", "SELECT schedule_history FROM habits"),
        ("archived_spans", "SELECT archived_spans FROM habits"),
        (
            "rejection",
            "SELECT rejection FROM receipts WHERE outcome = 'rejected'",
        ),
    ] {
        let stored: Value = serde_json::from_str(&text(sql)).unwrap();
        assert_eq!(stored, golden(name), "{name}");
    }
    for (name, sql) in [
        (
            "habit_field_edits",
            "SELECT lower(hex(field_edits)) FROM habits",
        ),
        (
            "entry_field_edits",
            "SELECT lower(hex(field_edits)) FROM entries",
        ),
        (
            "fingerprint",
            "SELECT lower(hex(fingerprint)) FROM receipts WHERE outcome = 'rejected'",
        ),
    ] {
        assert_eq!(text(sql), golden_text(name), "{name}");
    }
}

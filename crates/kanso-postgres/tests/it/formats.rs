//! The columns that hold more than one value are what other releases read.

use kanso_application::ports::storage::Storage as _;
use kanso_testkit::PostgresServer;
use kanso_testkit::stored::{GOLDEN, operations};
use serde_json::Value;

use crate::store::{open, register, submit};

fn golden(name: &str) -> Value {
    let file: Value = serde_json::from_str(GOLDEN).unwrap();
    file[name].clone()
}

fn golden_text(name: &str) -> String {
    golden(name).as_str().unwrap().to_owned()
}

#[tokio::test]
async fn columns_have_their_golden_content() {
    let database = PostgresServer::shared().database();
    let storage = open(&database.url()).await;
    let user = register(&storage, 1).await;
    for operation in operations() {
        submit(&storage, user, vec![operation]).await.unwrap();
    }
    storage.close().await.unwrap();
    // A statement that divides by zero unless the column is what it must be.
    let holds = |column: &str, table: &str, expected: String| {
        let sql = format!(
            "SELECT 1 / coalesce(({column} = {expected})::int, 0) FROM {table};
             SELECT 1 / count(*) FROM {table}"
        );
        let found = database.try_run(&sql);
        assert_eq!(found, Ok(()), "{column} of {table} is not {expected}");
    };
    let json = |name| format!("$kanso${}$kanso$::jsonb", golden(name));
    let hex = |name| format!("'{}'", golden_text(name));
    let rejected = "receipts WHERE outcome = 'rejected'";
    holds("schedule_history", "habits", json("schedule_history"));
    holds("archived_spans", "habits", json("archived_spans"));
    holds("rejection::jsonb", rejected, json("rejection"));
    holds(
        "encode(field_edits, 'hex')",
        "habits",
        hex("habit_field_edits"),
    );
    holds(
        "encode(field_edits, 'hex')",
        "entries",
        hex("entry_field_edits"),
    );
    holds("encode(fingerprint, 'hex')", rejected, hex("fingerprint"));
}

/// Release 0.1.0 goes on working on a database that a newer server has migrated: the steps only add
/// tables and nullable columns.
#[tokio::test]
async fn the_mixed_phase_is_noted_where_0_1_0_was() {
    let database = PostgresServer::shared().database();
    let fresh = open(&database.url()).await;
    assert_eq!(fresh.oldest_server(), None);
    fresh.close().await.unwrap();
    database.run(
        "DROP TABLE mixed_phase, history_starts, epochs, invitations, events; DROP INDEX habits_live, habits_with_deleted_texts, entries_with_deleted_notes, entries_with_notes;
         ALTER TABLE users DROP COLUMN history_epoch, DROP COLUMN history_start, DROP COLUMN is_deleted,
             DROP COLUMN is_disabled, DROP COLUMN stored_records, DROP COLUMN stored_bytes,
        DROP COLUMN quota_live_habits, DROP COLUMN quota_records, DROP COLUMN quota_bytes;
         ALTER TABLE entries ADD CONSTRAINT entries_habit_fk
             FOREIGN KEY (user_id, habit_id) REFERENCES habits (user_id, id);
         ALTER TABLE receipts ADD CONSTRAINT receipts_user_fk
             FOREIGN KEY (user_id) REFERENCES users (user_id);
         ALTER TABLE streak_dirty ADD CONSTRAINT streak_dirty_habit_fk
             FOREIGN KEY (user_id, habit_id) REFERENCES habits (user_id, id);
         ALTER TABLE users RESET (fillfactor);
         ALTER TABLE server DROP COLUMN was_open;
         ALTER TABLE sessions DROP COLUMN client, DROP COLUMN device_name, DROP COLUMN device_id,
        DROP COLUMN nonce_hash, DROP COLUMN replaced_hash;
         DELETE FROM refinery_schema_history WHERE version >= 2",
    );
    let mixed = open(&database.url()).await;
    assert_eq!(mixed.oldest_server(), Some("0.1.0"));
    mixed.close().await.unwrap();
    let url = database.url().parse().unwrap();
    let ended = kanso_postgres::finish_mixed_phase(&url).await.unwrap();
    assert_eq!(ended.as_deref(), Some("0.1.0"));
    assert_eq!(
        kanso_postgres::finish_mixed_phase(&url).await.unwrap(),
        None
    );
    assert_eq!(open(&database.url()).await.oldest_server(), None);
}

//! Accounts whose usage was never counted, because an earlier version made them.

use kanso_application::ports::quota::QuotaStore as _;
use kanso_application::ports::storage::Storage as _;
use kanso_domain::entries::EntryFields;
use kanso_domain::sync::{Base, Usage};
use kanso_testkit::PostgresServer;
use kanso_testkit::build::{
    create_entry, create_habit, delete_entry, done, entry, habit, operation, titled,
};

use crate::store::{open, register, submit};

#[tokio::test]
async fn uncounted_usage_is_counted_by_the_next_write() {
    let database = PostgresServer::shared().database();
    let storage = open(&database.url()).await;
    let user = register(&storage, 1).await;
    let first = vec![
        operation(1, create_habit(habit(1), titled("Read"))),
        operation(2, create_entry(entry(1), done(habit(1), "2026-01-05"))),
        // Rejected, with a receipt.
        operation(3, create_entry(entry(2), EntryFields::default())),
    ];
    let usage = submit(&storage, user, first).await.unwrap().usage;
    storage.close().await.unwrap();
    database.run("UPDATE users SET stored_records = NULL, stored_bytes = NULL");

    let storage = open(&database.url()).await;
    let stored = storage.usage(user).await.unwrap().unwrap();
    assert_eq!(stored.usage, usage);
    let delete = operation(4, delete_entry(entry(1), Base::Any));
    let changeset = submit(&storage, user, vec![delete]).await.unwrap();
    let receipt = Usage::of_receipt(&changeset.receipts[0]);
    assert_eq!(changeset.usage, usage + receipt);
    let stored = storage.usage(user).await.unwrap().unwrap();
    assert_eq!(stored.usage, changeset.usage);
    storage.close().await.unwrap();
}

/// The servers of 0.1.0 stored records without counting them, so no figure of that time stays.
#[tokio::test]
async fn the_end_of_the_mixed_phase_removes_every_figure() {
    let database = PostgresServer::shared().database();
    let storage = open(&database.url()).await;
    let user = register(&storage, 1).await;
    let create = operation(1, create_habit(habit(1), titled("Read")));
    let usage = submit(&storage, user, vec![create]).await.unwrap().usage;
    // More users than one step has.
    database.run(
        "CREATE TABLE copies AS SELECT users.* FROM users, generate_series(1, 1200);
         UPDATE copies SET user_id = gen_random_uuid(), stored_records = 7, stored_bytes = 7;
         INSERT INTO users SELECT * FROM copies;
         DROP TABLE copies;
         INSERT INTO mixed_phase (id, oldest_server) VALUES (1, '0.1.0')",
    );
    let url = database.url().parse().unwrap();
    let ended = kanso_postgres::finish_mixed_phase(&url).await.unwrap();
    assert_eq!(ended.as_deref(), Some("0.1.0"));
    database.run(
        "SELECT 1 / (count(*) = 1201)::int FROM users;
         SELECT 1 / (count(*) = 0)::int FROM users
         WHERE stored_records IS NOT NULL OR stored_bytes IS NOT NULL",
    );
    let stored = storage.usage(user).await.unwrap().unwrap();
    assert_eq!(stored.usage, usage);
    storage.close().await.unwrap();
}

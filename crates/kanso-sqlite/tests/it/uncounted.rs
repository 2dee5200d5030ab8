//! Accounts whose usage was never counted, because an earlier version made them.

use kanso_application::ports::quota::QuotaStore as _;
use kanso_application::ports::storage::Storage as _;
use kanso_domain::entries::EntryFields;
use kanso_domain::sync::{Base, Usage};

use kanso_testkit::build::{
    create_entry, create_habit, delete_entry, done, entry, habit, operation, titled,
};
use rusqlite::Connection;

use crate::store::{file, open, register, submit};

#[tokio::test]
async fn uncounted_usage_is_counted_by_the_next_write() {
    let folder = tempfile::tempdir().unwrap();
    let storage = open(folder.path());
    let user = register(&storage, 1).await;
    let first = vec![
        operation(1, create_habit(habit(1), titled("Read"))),
        operation(2, create_entry(entry(1), done(habit(1), "2026-01-05"))),
        // Rejected, with a receipt.
        operation(3, create_entry(entry(2), EntryFields::default())),
    ];
    let usage = submit(&storage, user, first).await.unwrap().usage;
    storage.close().await.unwrap();
    let connection = Connection::open(file(folder.path())).unwrap();
    let sql = "UPDATE users SET stored_records = NULL, stored_bytes = NULL";
    assert_eq!(connection.execute(sql, []).unwrap(), 1);
    connection.close().unwrap();

    let storage = open(folder.path());
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

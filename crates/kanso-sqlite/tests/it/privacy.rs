use std::fs;
use std::path::Path;
use std::time::Duration;

use kanso_application::ports::housekeeping::PurgeStore as _;
use kanso_application::ports::storage::{AccountStore as _, Storage as _};
use kanso_domain::accounts::PasswordHash;
use kanso_domain::habits::HabitFields;
use kanso_domain::text::Description;
use kanso_testkit::build::{
    create_entry, create_habit, done, entry, habit, new_account, new_session, noted, once,
    operation, titled, user,
};
use rusqlite::Connection;
use tempfile::tempdir;

use crate::store::{file, open, register, submit};

const CANARY: &str = "canary-5f1c";

#[tokio::test]
async fn a_deleted_account_leaves_no_byte() {
    let folder = tempdir().unwrap();
    let storage = open(folder.path());
    let neighbour = register(&storage, 7).await;
    let mut new = new_account(u128::MAX);
    new.account.email = format!("{CANARY}@example.org").parse().unwrap();
    new.password_hash = PasswordHash::new(CANARY.repeat(20));
    let (id, password) = (new.account.id, new.password_hash.clone());
    assert!(storage.create_account(new).await.unwrap());
    assert!(
        storage
            .open_session(new_session(id, 1), password, 100)
            .await
            .unwrap()
    );
    for number in 1..=40 {
        let long = CANARY.repeat(40);
        let read = HabitFields {
            description: Description::new(&long).ok(),
            ..titled(CANARY)
        };
        let of = habit(number.into());
        let noted = kanso_domain::entries::EntryFields {
            notes: noted(&long.repeat(4)).notes,
            ..done(of, "2026-01-15")
        };
        let operations = vec![
            operation(number, create_habit(of, read.clone())),
            operation(number + 100, create_entry(entry(number.into()), noted)),
        ];
        submit(&storage, id, operations).await.unwrap();
        let other = operation(number, create_habit(of, titled("Neighbour")));
        submit(&storage, neighbour, vec![other]).await.unwrap();
    }
    assert!(
        traces(folder.path()) > 0,
        "the canary is found before the deletion"
    );

    assert!(storage.delete_account(id).await.unwrap());
    // A reader keeps the pages of before in the log: the erasure does not wait for it.
    let reader = Connection::open(file(folder.path())).unwrap();
    reader
        .execute_batch("BEGIN; SELECT count(*) FROM users")
        .unwrap();
    while storage.erase_accounts(20).await.unwrap() > 0 {}
    assert!(traces(folder.path()) > 0, "the log has it");
    submit(
        &storage,
        neighbour,
        vec![once(create_habit(habit(99), titled("Run")))],
    )
    .await
    .unwrap();
    reader.execute_batch("COMMIT").unwrap();
    for _ in 0..100 {
        if traces(folder.path()) == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(traces(folder.path()), 0, "while the store is open");
    storage.close().await.unwrap();
    assert_eq!(traces(folder.path()), 0, "when it is closed");
    assert_eq!(rows_of(folder.path(), u128::MAX), 0);
    assert!(rows_of(folder.path(), 7) > 40);
}

/// Counts the files in the folder that contain data of the user.
fn traces(folder: &Path) -> usize {
    let files = fs::read_dir(folder).unwrap();
    let contents = files.map(|entry| fs::read(entry.unwrap().path()).unwrap());
    let id = user(u128::MAX).uuid();
    contents
        .filter(|bytes| holds(bytes, CANARY.as_bytes()) || holds(bytes, id.as_bytes()))
        .count()
}

fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

/// Counts the rows of the user in all tables of the schema.
fn rows_of(folder: &Path, number: u128) -> u32 {
    let connection = Connection::open(file(folder)).unwrap();
    let tables = "SELECT DISTINCT schema.name
                  FROM sqlite_schema AS schema, pragma_table_info(schema.name) AS columns
                  WHERE schema.type = 'table' AND columns.name = 'user_id'";
    let mut statement = connection.prepare(tables).unwrap();
    let tables = statement.query_map([], |row| row.get::<_, String>(0));
    let tables: Vec<_> = tables.unwrap().map(Result::unwrap).collect();
    assert!(tables.len() >= 6, "{tables:?}");
    let count = |table: &String| {
        let sql = format!("SELECT count(*) FROM {table} WHERE user_id = ?1");
        connection
            .query_row(&sql, [user(number).uuid()], |row| row.get::<_, u32>(0))
            .unwrap()
    };
    tables.iter().map(count).sum()
}

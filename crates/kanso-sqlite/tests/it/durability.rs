use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use kanso_application::ports::storage::{
    AccountStore as _, DeltaQuery, HabitQuery, RecordStore as _, Scope, Storage as _,
};
use kanso_domain::Seq;
use kanso_domain::sync::{OperationOutcome, Since};
use kanso_sqlite::SqliteStorage;
use kanso_testkit::build::{
    create_entry, create_habit, done, entry, habit, new_account, new_session, noon, operation,
    password_hash, session_id, titled, user,
};
use tempfile::tempdir;

use crate::store::{open, open_inline, register, submit};

#[tokio::test]
async fn a_closed_store_opens_as_it_was() {
    let folder = tempdir().unwrap();
    let storage = open(folder.path());
    fill(&storage).await;
    let before = everything(&storage).await;
    storage.close().await.unwrap();
    let files = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(files, 3, "the database, the lock and the witness, no log");
    let again = open(folder.path());
    assert_eq!(everything(&again).await, before);
}

#[tokio::test]
async fn a_dropped_store_opens_as_it_was() {
    let folder = tempdir().unwrap();
    let storage = open_inline(folder.path());
    fill(&storage).await;
    let before = everything(&storage).await;
    drop(storage);
    let again = open_inline(folder.path());
    assert_eq!(everything(&again).await, before);
}

async fn fill(storage: &SqliteStorage) {
    let user = register(storage, 1).await;
    assert!(
        storage
            .open_session(new_session(user, 1), password_hash(user), 100)
            .await
            .unwrap()
    );
    let operations = vec![
        operation(1, create_habit(habit(1), titled("Read"))),
        operation(2, create_entry(entry(1), done(habit(1), "2026-01-15"))),
    ];
    submit(storage, user, operations).await.unwrap();
}

async fn everything(storage: &SqliteStorage) -> impl PartialEq + std::fmt::Debug + use<> {
    let query = DeltaQuery {
        since: Since::Position(Seq::ZERO),
        scope: Scope::Everything,
        limit: None,
    };
    let page = storage.delta(user(1), query).await.unwrap();
    let account = storage.account(user(1)).await.unwrap();
    let email = new_account(1).account.email;
    let credentials = storage.credentials(&email).await.unwrap();
    let is_open = storage.session_is_open(user(1), session_id(1), noon());
    (page, account, credentials, is_open.await.unwrap())
}

/// Environment variable with the folder for the copy of this program that is killed.
const FOLDER: &str = "KANSO_TEST_KILLED_WRITER";
const ACKNOWLEDGED_BEFORE_THE_KILL: usize = 40;

#[tokio::test]
async fn acknowledged_writes_survive_a_kill() {
    for _ in 0..3 {
        let folder = tempdir().unwrap();
        register(&open_inline(folder.path()), 1).await;
        let acknowledged = kill_while_writing(folder.path());
        let storage = open(folder.path());
        let stored = storage.head(user(1)).await.unwrap().unwrap().seq.get();
        assert!(stored >= acknowledged.into(), "{stored} of {acknowledged}");
        // A retry gets the first result; an operation that was not stored yet is stored once.
        for number in 1..=acknowledged + 1 {
            let again = submit(&storage, user(1), vec![nth(number)]).await.unwrap();
            let is_duplicate = matches!(again.outcomes[0], OperationOutcome::Duplicate { .. });
            assert!(is_duplicate || number > acknowledged, "{number}");
        }
        let habits = storage
            .habits(user(1), HabitQuery::all(true))
            .await
            .unwrap();
        let head = storage.head(user(1)).await.unwrap().unwrap();
        assert_eq!(habits.len() as u64, head.seq.get().cast_unsigned());
    }
}

/// Starts this program again as a writer, kills it in the middle, and returns the number of its last
/// acknowledged operation.
fn kill_while_writing(folder: &Path) -> u8 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "durability::the_writer_that_is_killed",
            "--exact",
            "--nocapture",
        ])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let numbers = lines.filter_map(|line| line.unwrap().strip_prefix("stored ")?.parse().ok());
    let last = numbers.take(ACKNOWLEDGED_BEFORE_THE_KILL).last();
    child.kill().unwrap();
    child.wait().unwrap();
    last.unwrap()
}

/// Not a test by itself: it does nothing without the environment variable.
#[tokio::test]
async fn the_writer_that_is_killed() {
    #[expect(clippy::disallowed_methods, reason = "output for the test above")]
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let storage = open(Path::new(&folder));
    for number in 1..=u8::MAX {
        submit(&storage, user(1), vec![nth(number)]).await.unwrap();
        println!("stored {number}");
    }
}

fn nth(number: u8) -> kanso_domain::sync::Operation {
    operation(number, create_habit(habit(number.into()), titled("Read")))
}

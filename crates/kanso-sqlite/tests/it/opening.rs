use std::fs;
use std::path::Path;

use kanso_application::ports::storage::{
    AccountStore as _, RecordStore as _, Storage as _, StorageError,
};
use kanso_domain::sync::Epoch;
use kanso_sqlite::{OpenError, SqliteOptions, SqliteStorage};
use rusqlite::Connection;
use tempfile::tempdir;

use crate::store::{EPOCH, file, open, open_inline, open_with, options, register};

#[tokio::test]
async fn a_second_opening_is_refused_until_the_first_is_closed() {
    let folder = tempdir().unwrap();
    let first = open(folder.path());
    let refused = refusal(folder.path());
    assert!(matches!(refused, OpenError::InUse { .. }), "{refused:?}");
    first.close().await.unwrap();
    open(folder.path());
}

#[tokio::test]
async fn the_stored_epoch_is_used() {
    let folder = tempdir().unwrap();
    let user = register(&open_inline(folder.path()), 1).await;
    let again = open_with(folder.path(), |options| {
        options.fresh_epoch = Epoch::new(7);
    });
    let head = again.head(user).await.unwrap().unwrap();
    assert_eq!(head.epoch, EPOCH);
}

#[test]
fn a_newer_schema_is_refused_and_left_alone() {
    let folder = tempdir().unwrap();
    drop(open_inline(folder.path()));
    let newer = "INSERT INTO refinery_schema_history (version, name, applied_on, checksum)
                 VALUES (999, 'from_the_future', '2030-01-01T00:00:00Z', '1')";
    change(folder.path(), newer);
    let before = fs::read(file(folder.path())).unwrap();
    let refused = refusal(folder.path());
    assert!(
        matches!(refused, OpenError::Newer { found: 999, known, .. } if known < 999),
        "{refused:?}"
    );
    assert_eq!(fs::read(file(folder.path())).unwrap(), before);
}

#[test]
fn another_programs_database_is_refused_and_left_alone() {
    for sql in [
        "CREATE TABLE things (id INTEGER PRIMARY KEY)",
        "PRAGMA application_id = 42",
        "CREATE TABLE users (user_id BLOB); PRAGMA user_version = 1",
    ] {
        let folder = tempdir().unwrap();
        change(folder.path(), sql);
        let before = fs::read(file(folder.path())).unwrap();
        let refused = refusal(folder.path());
        assert!(matches!(refused, OpenError::Foreign { .. }), "{refused:?}");
        assert_eq!(fs::read(file(folder.path())).unwrap(), before, "{sql}");
    }
}

#[test]
fn a_file_that_is_not_a_database_is_refused_and_left_alone() {
    let folder = tempdir().unwrap();
    let text = "a diary, not a database\n".repeat(400);
    fs::write(file(folder.path()), &text).unwrap();
    let refused = refusal(folder.path());
    assert!(matches!(refused, OpenError::Foreign { .. }), "{refused:?}");
    assert_eq!(fs::read_to_string(file(folder.path())).unwrap(), text);
}

#[tokio::test]
async fn a_damaged_file_is_refused() {
    let folder = tempdir().unwrap();
    let storage = open(folder.path());
    for number in 1..=200 {
        register(&storage, number).await;
    }
    storage.close().await.unwrap();
    let whole = fs::read(file(folder.path())).unwrap();
    for damage in [
        |bytes: &mut Vec<u8>| bytes[4_096..].fill(0xA5),
        |bytes: &mut Vec<u8>| bytes.truncate(bytes.len() / 2),
    ] {
        let mut damaged = whole.clone();
        damage(&mut damaged);
        fs::write(file(folder.path()), damaged).unwrap();
        let refused = refusal(folder.path());
        assert!(matches!(refused, OpenError::Damaged { .. }), "{refused:?}");
    }
    fs::write(file(folder.path()), whole).unwrap();
    let storage = open(folder.path());
    assert!(
        storage
            .account(kanso_testkit::build::user(7))
            .await
            .unwrap()
            .is_some()
    );
}

/// A large database is checked while it is in use.
#[tokio::test]
async fn damage_that_is_found_later_ends_every_further_call() {
    let folder = tempdir().unwrap();
    let storage = open(folder.path());
    for number in 1..=400 {
        register(&storage, number).await;
    }
    storage.close().await.unwrap();
    let options = SqliteOptions {
        checked_first: 0,
        ..options(folder.path())
    };
    let storage = SqliteStorage::open(&options).unwrap();
    storage.wait_for_check();
    register(&storage, 401).await;
    storage.close().await.unwrap();

    let whole = fs::read(file(folder.path())).unwrap();
    // Not every page is read by the opening itself.
    let storage = (1..whole.len() / 4_096).rev().find_map(|page| {
        let mut damaged = whole.clone();
        damaged[page * 4_096..][..4_096].fill(0xA5);
        fs::write(file(folder.path()), damaged).unwrap();
        SqliteStorage::open(&options).ok()
    });
    let storage = storage.expect("a page that the opening does not read");
    storage.wait_for_check();
    let refused = storage.ping().await.unwrap_err();
    assert!(matches!(refused, StorageError::Corrupt(_)), "{refused:?}");
    let line = std::error::Error::source(&refused).unwrap().to_string();
    assert!(line.contains("is damaged, restore a backup"), "{line}");
    let refused = storage.account(kanso_testkit::build::user(7)).await;
    assert!(matches!(refused, Err(StorageError::Corrupt(_))));
    let refused = storage.create_account(kanso_testkit::build::new_account(402));
    assert!(matches!(refused.await, Err(StorageError::Corrupt(_))));
}

/// The check of a large database does not hold up the end of the process.
#[tokio::test]
async fn a_database_that_is_being_checked_can_be_closed() {
    let folder = tempdir().unwrap();
    let options = SqliteOptions {
        checked_first: 0,
        ..options(folder.path())
    };
    for number in 1..=3 {
        let storage = SqliteStorage::open(&options).unwrap();
        register(&storage, number).await;
        storage.close().await.unwrap();
        let log = fs::metadata(file(folder.path()).with_extension("db-wal"));
        assert!(log.is_err(), "the log is in the file");
    }
}

#[test]
fn a_missing_folder_is_reported() {
    let folder = tempdir().unwrap();
    let refused = refusal(&folder.path().join("nowhere"));
    let is_missing = |error: &OpenError| match error {
        OpenError::Inaccessible { source, .. } => source.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    };
    assert!(is_missing(&refused), "{refused:?}");
}

#[test]
fn a_folder_is_not_a_database() {
    let folder = tempdir().unwrap();
    fs::create_dir(file(folder.path())).unwrap();
    let refused = refusal(folder.path());
    assert!(
        matches!(refused, OpenError::Inaccessible { .. }),
        "{refused:?}"
    );
}

#[test]
fn a_path_that_looks_like_a_uri_is_a_path() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("file:kanso.db?mode=memory");
    drop(SqliteStorage::open(&SqliteOptions::new(&path, EPOCH)).unwrap());
    assert!(path.exists());
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempdir().unwrap();
    let storage = open(folder.path());
    register(&storage, 1).await;
    let mut names = Vec::new();
    for entry in fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{:?}", entry.file_name());
        names.push(entry.file_name());
    }
    names.sort();
    assert_eq!(
        names,
        [
            "kanso.db",
            "kanso.db-shm",
            "kanso.db-wal",
            "kanso.db.lock",
            "kanso.db.witness"
        ]
    );
}

fn refusal(folder: &Path) -> OpenError {
    let error = SqliteStorage::open(&options(folder)).unwrap_err();
    assert!(!error.to_string().contains('\n'), "one line: {error}");
    error
}

fn change(folder: &Path, sql: &str) {
    let connection = Connection::open(file(folder)).unwrap();
    connection.execute_batch(sql).unwrap();
}

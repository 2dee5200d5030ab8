//! Backups of a database in use.

use std::fs;

use kanso_application::ports::storage::{HabitQuery, RecordStore as _, Storage as _};
use kanso_domain::sync::Epoch;
use kanso_sqlite::{BackupError, OpenError, backup};
use kanso_testkit::build::{create_habit, habit, once, titled, user};
use tempfile::tempdir;

use crate::store::{EPOCH, file, open, open_with, register, submit};

#[tokio::test]
async fn a_backup_of_a_running_store_opens_as_it_was_with_an_epoch_of_its_own() {
    let folder = tempdir().unwrap();
    let storage = open(folder.path());
    register(&storage, 1).await;
    let create = |number| vec![once(create_habit(habit(number), titled("Read")))];
    submit(&storage, user(1), create(1)).await.unwrap();
    let copy = tempdir().unwrap();
    backup(&file(folder.path()), &file(copy.path())).unwrap();
    submit(&storage, user(1), create(2)).await.unwrap();

    let restored = open_with(copy.path(), |options| options.fresh_epoch = Epoch::new(7));
    let habits = restored
        .habits(user(1), HabitQuery::all(true))
        .await
        .unwrap();
    assert_eq!(habits.len(), 1);
    let head = restored.head(user(1)).await.unwrap().unwrap();
    assert_eq!(head.epoch, Epoch::new(7));
    let head = storage.head(user(1)).await.unwrap().unwrap();
    assert_eq!(head.epoch, EPOCH, "the running store keeps its epoch");
    storage.close().await.unwrap();
}

#[tokio::test]
async fn a_backup_never_writes_over_a_file() {
    let folder = tempdir().unwrap();
    let storage = open(folder.path());
    storage.close().await.unwrap();
    let target = folder.path().join("precious");
    fs::write(&target, "years").unwrap();
    let refused = backup(&file(folder.path()), &target).unwrap_err();
    assert!(
        matches!(refused, BackupError::Inaccessible { .. }),
        "{refused:?}"
    );
    assert_eq!(fs::read(&target).unwrap(), b"years");
}

#[test]
fn a_file_of_another_program_is_not_copied() {
    let folder = tempdir().unwrap();
    let (from, to) = (folder.path().join("notes"), folder.path().join("copy"));
    let missing = backup(&from, &to).unwrap_err();
    assert!(
        matches!(missing, BackupError::Open(OpenError::Sqlite { .. })),
        "{missing:?}"
    );
    fs::write(
        &from,
        "not a database, but long enough to be taken for one".repeat(50),
    )
    .unwrap();
    let foreign = backup(&from, &to).unwrap_err();
    assert!(
        matches!(foreign, BackupError::Open(OpenError::Foreign { .. })),
        "{foreign:?}"
    );
    assert!(!to.exists());
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_a_backup() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempdir().unwrap();
    let storage = open(folder.path());
    let copy = folder.path().join("copy.db");
    backup(&file(folder.path()), &copy).unwrap();
    let mode = fs::metadata(&copy).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    storage.close().await.unwrap();
}

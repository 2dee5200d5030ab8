//! A database that is put back: its history must not be taken for the one that went on without it.

use std::fs;
use std::path::Path;

use kanso_application::ports::storage::{RecordStore as _, Storage as _};
use kanso_domain::UserId;
use kanso_domain::sync::{CursorRefusal, Epoch, Head};
use kanso_sqlite::{Executor, SqliteStorage};
use kanso_testkit::build::{create_habit, habit, once, titled, user};
use tempfile::tempdir;

use crate::store::{EPOCH, file, open_with, register, submit};

const FRESH: Epoch = Epoch::new(7);

fn reopen(folder: &Path) -> SqliteStorage {
    open_with(folder, |options| options.fresh_epoch = FRESH)
}

async fn head(storage: &SqliteStorage, user: UserId) -> Head {
    storage.head(user).await.unwrap().unwrap()
}

async fn add_habit(storage: &SqliteStorage, number: u128) {
    let create = once(create_habit(habit(number), titled("Read")));
    submit(storage, user(1), vec![create]).await.unwrap();
}

/// A store with a habit, closed.
async fn made(folder: &Path) -> Head {
    let storage = open_with(folder, |_| ());
    let user = register(&storage, 1).await;
    add_habit(&storage, 1).await;
    let head = head(&storage, user).await;
    storage.close().await.unwrap();
    head
}

async fn epoch_after(folder: &Path) -> Epoch {
    let storage = reopen(folder);
    let epoch = head(&storage, user(1)).await.epoch;
    storage.close().await.unwrap();
    epoch
}

#[tokio::test]
async fn an_older_file_that_is_put_back_gets_a_new_epoch() {
    let folder = tempdir().unwrap();
    made(folder.path()).await;
    let copy = folder.path().join("copy");
    fs::copy(file(folder.path()), &copy).unwrap();
    let storage = reopen(folder.path());
    add_habit(&storage, 2).await;
    let cursor = head(&storage, user(1)).await.cursor();
    storage.close().await.unwrap();
    // WriteOutcome over in place, so that it is the same file with older content.
    fs::write(file(folder.path()), fs::read(&copy).unwrap()).unwrap();
    let storage = reopen(folder.path());
    let restored = head(&storage, user(1)).await;
    assert_eq!(restored.epoch, FRESH);
    assert_eq!(cursor.since(restored), Err(CursorRefusal::EpochChanged));
    storage.close().await.unwrap();
    assert_eq!(epoch_after(folder.path()).await, FRESH, "and keeps it");
}

/// Somebody puts back a copy that is too old, notices, and puts back a newer one over it: that one
/// has seen more commits than the file before it, and its epoch is one that devices know.
#[tokio::test]
async fn a_newer_copy_that_is_put_over_an_older_one_gets_a_new_epoch() {
    let folder = tempdir().unwrap();
    made(folder.path()).await;
    let path = file(folder.path());
    let old = fs::read(&path).unwrap();
    let storage = reopen(folder.path());
    for number in 2..6 {
        add_habit(&storage, number).await;
    }
    storage.close().await.unwrap();
    let new = fs::read(&path).unwrap();
    fs::write(&path, old).unwrap();
    assert_eq!(epoch_after(folder.path()).await, FRESH);

    fs::write(&path, new).unwrap();
    let another = Epoch::new(8);
    let storage = open_with(folder.path(), |options| options.fresh_epoch = another);
    assert_eq!(head(&storage, user(1)).await.epoch, another);
    storage.close().await.unwrap();
}

#[tokio::test]
async fn a_folder_that_is_copied_back_gets_a_new_epoch() {
    let folder = tempdir().unwrap();
    made(folder.path()).await;
    let other = tempdir().unwrap();
    for name in ["kanso.db", "kanso.db.witness"] {
        fs::copy(folder.path().join(name), other.path().join(name)).unwrap();
    }
    assert_eq!(epoch_after(other.path()).await, FRESH);
    assert_eq!(
        epoch_after(folder.path()).await,
        EPOCH,
        "the original keeps its own"
    );
}

#[tokio::test]
async fn a_file_without_its_witness_gets_a_new_epoch() {
    let folder = tempdir().unwrap();
    made(folder.path()).await;
    fs::remove_file(folder.path().join("kanso.db.witness")).unwrap();
    assert_eq!(epoch_after(folder.path()).await, FRESH);
}

#[tokio::test]
async fn a_restart_keeps_the_epoch_however_the_last_run_ended() {
    let folder = tempdir().unwrap();
    let before = made(folder.path()).await;
    for number in 2..5 {
        let storage = open_with(folder.path(), |options| {
            options.fresh_epoch = FRESH;
            options.executor = Executor::Inline;
        });
        add_habit(&storage, number).await;
        assert_eq!(head(&storage, user(1)).await.epoch, before.epoch);
        if number % 2 == 0 {
            storage.close().await.unwrap();
        } else {
            drop(storage);
        }
    }
}

#[tokio::test]
async fn a_power_failure_that_takes_the_newest_from_the_witness_accuses_nobody() {
    let folder = tempdir().unwrap();
    made(folder.path()).await;
    let witness = folder.path().join("kanso.db.witness");
    let older = fs::read(&witness).unwrap();
    let storage = reopen(folder.path());
    add_habit(&storage, 2).await;
    storage.close().await.unwrap();
    fs::write(&witness, older).unwrap();
    assert_eq!(epoch_after(folder.path()).await, EPOCH);
}

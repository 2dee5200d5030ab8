//! A restored database: its history must not be confused with the one that continued after the backup.

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

/// Makes a store with one habit and closes it.
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
async fn a_restored_older_file_gets_a_new_epoch() {
    let folder = tempdir().unwrap();
    made(folder.path()).await;
    let copy = folder.path().join("copy");
    fs::copy(file(folder.path()), &copy).unwrap();
    let storage = reopen(folder.path());
    add_habit(&storage, 2).await;
    let cursor = head(&storage, user(1)).await.cursor();
    storage.close().await.unwrap();
    // Overwritten in place: the same file with older content.
    fs::write(file(folder.path()), fs::read(&copy).unwrap()).unwrap();
    let storage = reopen(folder.path());
    let restored = head(&storage, user(1)).await;
    assert_eq!(restored.epoch, FRESH);
    assert_eq!(cursor.since(restored), Err(CursorRefusal::EpochChanged));
    storage.close().await.unwrap();
    assert_eq!(
        epoch_after(folder.path()).await,
        FRESH,
        "the new epoch is kept"
    );
}

/// A new epoch changes no user, so the start is the head until the first write, which stores it.
#[tokio::test]
async fn a_restored_history_starts_at_the_head_of_the_backup() {
    let folder = tempdir().unwrap();
    let backup = made(folder.path()).await;
    assert_eq!((backup.history_start.get(), backup.seq.get()), (0, 1));
    let copy = fs::read(file(folder.path())).unwrap();
    let storage = reopen(folder.path());
    for number in 2..=3 {
        add_habit(&storage, number).await;
    }
    storage.close().await.unwrap();
    fs::write(file(folder.path()), copy).unwrap();
    let storage = reopen(folder.path());
    for number in 4..=6 {
        let head = head(&storage, user(1)).await;
        assert_eq!(head.epoch, FRESH);
        assert_eq!(head.history_start, backup.seq, "before the habit {number}");
        add_habit(&storage, number).await;
    }
    storage.close().await.unwrap();
}

/// A database is restored twice between two syncs of a device: the lower start counts.
#[tokio::test]
async fn histories_are_shared_up_to_the_lowest_start_since_the_epoch() {
    let folder = tempdir().unwrap();
    let open = |number| {
        open_with(folder.path(), |options| {
            options.fresh_epoch = Epoch::new(number);
        })
    };
    let copy = || fs::read(file(folder.path())).unwrap();
    let shared = async |storage: &SqliteStorage, epochs: &[u64]| {
        let mut shared = Vec::new();
        for &epoch in epochs {
            let up_to = storage
                .shared_up_to(user(1), Epoch::new(epoch))
                .await
                .unwrap();
            shared.push(up_to.unwrap().get());
        }
        shared
    };
    // Position 1 in epoch 1. Each later epoch goes on from a copy of the one before.
    let storage = open(1);
    register(&storage, 1).await;
    add_habit(&storage, 1).await;
    storage.close().await.unwrap();
    let at_1 = copy();
    let storage = open(1);
    for number in 2..=5 {
        add_habit(&storage, number).await;
    }
    storage.close().await.unwrap();
    fs::write(file(folder.path()), &at_1).unwrap();

    // Epoch 2 from position 1, with a copy at position 3.
    let storage = open(2);
    assert_eq!(shared(&storage, &[1, 2]).await, [1, 1]);
    for number in 6..=7 {
        add_habit(&storage, number).await;
    }
    storage.close().await.unwrap();
    let at_3 = copy();
    let storage = open(2);
    for number in 8..=9 {
        add_habit(&storage, number).await;
    }
    assert_eq!(shared(&storage, &[1, 2]).await, [1, 5]);
    storage.close().await.unwrap();
    fs::write(file(folder.path()), &at_3).unwrap();

    // Epoch 3 from position 3: nothing is written in it before it is copied.
    let storage = open(3);
    assert_eq!(shared(&storage, &[1, 2, 3]).await, [1, 3, 3]);
    storage.close().await.unwrap();
    let in_3 = copy();
    let storage = open(3);
    add_habit(&storage, 10).await;
    assert_eq!(shared(&storage, &[1, 2, 3]).await, [1, 3, 4]);
    storage.close().await.unwrap();
    fs::write(file(folder.path()), &in_3).unwrap();

    // Epoch 4 from position 3, and 5 from a copy that knows neither 3 nor 4.
    let storage = open(4);
    add_habit(&storage, 11).await;
    assert_eq!(shared(&storage, &[1, 2, 3, 4]).await, [1, 3, 3, 4]);
    storage.close().await.unwrap();
    fs::write(file(folder.path()), &at_3).unwrap();
    let storage = open(5);
    assert_eq!(shared(&storage, &[1, 2, 3, 4]).await, [1, 3, 0, 0]);
    storage.close().await.unwrap();
}

/// An operator restores a copy that is too old, and then a newer one over it. The newer copy has more
/// commits than the file before it, and its epoch is one that devices know.
#[tokio::test]
async fn a_newer_copy_restored_over_an_older_one_gets_a_new_epoch() {
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
async fn a_restored_folder_gets_a_new_epoch() {
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
async fn a_witness_that_lags_after_a_power_failure_keeps_the_epoch() {
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

//! Helpers: stores and writes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kanso_application::ports::storage::{
    AccountStore as _, RecordStore, StorageError, WriteOutcome,
};
use kanso_domain::UserId;
use kanso_domain::sync::{Changeset, Epoch, LoadSet, Operation, decide};
use kanso_sqlite::{Executor, SqliteOptions, SqliteStorage};
use kanso_testkit::build::{new_account, noon, user};

pub(crate) const EPOCH: Epoch = Epoch::new(0xFEDC_BA98_7654_3210);

pub(crate) fn file(folder: &Path) -> PathBuf {
    folder.join("kanso.db")
}

pub(crate) fn options(folder: &Path) -> SqliteOptions {
    SqliteOptions::new(file(folder), EPOCH)
}

pub(crate) fn open(folder: &Path) -> SqliteStorage {
    open_with(folder, |_| ())
}

/// Opens a store that is closed as soon as it is dropped.
pub(crate) fn open_inline(folder: &Path) -> SqliteStorage {
    open_with(folder, |options| options.executor = Executor::Inline)
}

pub(crate) fn open_with(folder: &Path, change: impl FnOnce(&mut SqliteOptions)) -> SqliteStorage {
    let mut options = options(folder);
    change(&mut options);
    SqliteStorage::open(&options).unwrap()
}

pub(crate) async fn register(storage: &SqliteStorage, number: u128) -> UserId {
    let created = storage.create_account(new_account(number)).await.unwrap();
    assert!(created);
    user(number)
}

pub(crate) async fn submit(
    storage: &SqliteStorage,
    user: UserId,
    operations: Vec<Operation>,
) -> Result<Changeset, StorageError> {
    let keys = LoadSet::of(&operations);
    let decide = Arc::new(move |current| Ok(decide(current, &operations, noon())));
    match storage.write(user, keys, decide).await? {
        WriteOutcome::Committed(changeset) => Ok(changeset),
        other => panic!("expected a commit, got {other:?}"),
    }
}

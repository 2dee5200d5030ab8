//! Stores in a folder of their own.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kanso_application::ports::storage::{RecordStore as _, Written};
use kanso_domain::UserId;
use kanso_domain::sync::{Changeset, Epoch, Keys, Submission, decide};
use kanso_sqlite::{SqliteOptions, SqliteStorage};
use kanso_testkit::build::noon;

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

pub(crate) fn open_with(folder: &Path, change: impl FnOnce(&mut SqliteOptions)) -> SqliteStorage {
    let mut options = options(folder);
    change(&mut options);
    SqliteStorage::open(&options).unwrap()
}

pub(crate) async fn submit(
    storage: &SqliteStorage,
    user: UserId,
    submissions: Vec<Submission>,
) -> Result<Changeset, kanso_application::ports::storage::StorageError> {
    let keys = Keys::of(&submissions);
    let decide = Arc::new(move |current| Ok(decide(current, &submissions, noon())));
    match storage.write(user, keys, decide).await? {
        Written::Committed(changeset) => Ok(changeset),
        other => panic!("expected a commit, got {other:?}"),
    }
}

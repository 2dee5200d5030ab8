//! Helpers: stores and writes.

use std::num::NonZeroUsize;
use std::sync::Arc;

use kanso_application::ports::storage::{
    AccountStore as _, RecordStore, StorageError, WriteOutcome,
};
use kanso_domain::UserId;
use kanso_domain::sync::{Changeset, Epoch, LoadSet, Operation, decide};
use kanso_postgres::{OpenError, PostgresOptions, PostgresStorage};
use kanso_testkit::build::{create_habit, habit, new_account, noon, once, titled, user};

pub(crate) const EPOCH: Epoch = Epoch::new(0xFEDC_BA98_7654_3210);

pub(crate) fn options(url: &str) -> PostgresOptions {
    PostgresOptions {
        connections: NonZeroUsize::MIN.saturating_add(7),
        ..PostgresOptions::new(url.parse().unwrap(), Arc::new(|| EPOCH))
    }
}

pub(crate) async fn open(url: &str) -> PostgresStorage {
    try_open(url).await.unwrap()
}

pub(crate) async fn try_open(url: &str) -> Result<PostgresStorage, OpenError> {
    PostgresStorage::open(&options(url)).await
}

/// Opens a store whose fresh epoch is `epoch`.
pub(crate) async fn open_with_epoch(url: &str, epoch: u64) -> PostgresStorage {
    let options = PostgresOptions {
        fresh_epoch: Arc::new(move || Epoch::new(epoch)),
        ..options(url)
    };
    PostgresStorage::open(&options).await.unwrap()
}

pub(crate) async fn register(storage: &PostgresStorage, number: u128) -> UserId {
    let created = storage.create_account(new_account(number)).await.unwrap();
    assert!(created);
    user(number)
}

/// Creates the habit with this number.
pub(crate) async fn make_habit(
    storage: &PostgresStorage,
    user: UserId,
    number: u128,
) -> Result<Changeset, StorageError> {
    let action = create_habit(habit(number), titled(&format!("Habit {number}")));
    submit(storage, user, vec![once(action)]).await
}

pub(crate) async fn submit(
    storage: &PostgresStorage,
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

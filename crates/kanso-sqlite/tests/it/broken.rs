//! A writer thread that has ended.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use kanso_application::ports::storage::{RecordStore as _, Storage as _, StorageError};
use kanso_domain::sync::LoadSet;
use kanso_sqlite::SqliteStorage;
use kanso_testkit::build::{create_habit, habit, operation, titled, user};
use tokio::time::timeout;

use crate::store::{open, open_inline, register, submit};

/// A panic is caught, but the drop of its payload may panic again.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("the payload is dropped");
    }
}

/// Ends the writer thread. No known bug can do that.
async fn end_the_writer(storage: &SqliteStorage) {
    let decide = Arc::new(|_| std::panic::panic_any(Bomb));
    let answer = storage.write(user(1), LoadSet::default(), decide).await;
    assert!(
        matches!(answer, Err(StorageError::Unavailable(_))),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_store_whose_writer_has_ended_is_broken() {
    let folder = tempfile::tempdir().unwrap();
    let storage = open(folder.path());
    register(&storage, 1).await;
    let outbox = vec![operation(1, create_habit(habit(1), titled("Read")))];
    submit(&storage, user(1), outbox.clone()).await.unwrap();
    assert_eq!(
        storage.broken().now_or_never(),
        None,
        "not broken while the writer runs"
    );
    end_the_writer(&storage).await;
    let broken = timeout(Duration::from_secs(30), storage.broken()).await;
    broken.expect("`broken` returns");
    let refused = submit(&storage, user(1), outbox).await;
    assert!(matches!(refused, Err(StorageError::Unavailable(_))));
    storage.close().await.unwrap_err();
    drop(storage);

    let again = open(folder.path());
    let head = again.head(user(1)).await.unwrap().unwrap();
    assert_eq!(head.seq.get(), 1, "acknowledged writes are kept");
}

#[tokio::test]
async fn a_store_that_was_closed_is_not_broken() {
    let folder = tempfile::tempdir().unwrap();
    let storage = open(folder.path());
    let mut broken = storage.broken();
    assert_eq!((&mut broken).now_or_never(), None);
    storage.close().await.unwrap();
    assert_eq!(broken.now_or_never(), None);
    assert_eq!(storage.broken().now_or_never(), None);
    let inline = open_inline(tempfile::tempdir().unwrap().path());
    assert_eq!(inline.broken().now_or_never(), None);
}

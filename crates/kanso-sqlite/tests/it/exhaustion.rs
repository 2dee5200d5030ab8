//! A full disk, a decision that panics, a cancelled caller.

use std::sync::{Arc, Mutex, mpsc};

use futures::future::join_all;
use kanso_application::ports::housekeeping::PurgeStore as _;
use kanso_application::ports::storage::{
    AccountStore as _, EntryQuery, HabitQuery, RecordStore as _, Storage as _, StorageError,
};
use kanso_domain::UserId;
use kanso_domain::entries::EntryFields;
use kanso_domain::sync::{Changeset, LoadSet, Loaded, RecordWrite, decide};
use kanso_domain::text::Notes;
use kanso_sqlite::SqliteStorage;
use kanso_testkit::build::{
    create_entry, create_habit, done, entry, habit, noon, once, titled, version,
};
use tempfile::tempdir;
use tokio::sync::oneshot;

use crate::store::{open, open_with, register, submit};

#[tokio::test]
async fn a_full_disk_makes_writes_unavailable_and_loses_nothing() {
    let folder = tempdir().unwrap();
    let storage = open_with(folder.path(), |options| options.max_pages = Some(64));
    let (heavy, light) = (register(&storage, 1).await, register(&storage, 2).await);
    for user in [heavy, light] {
        submit(
            &storage,
            user,
            vec![once(create_habit(habit(1), titled("Read")))],
        )
        .await
        .unwrap();
    }
    let mut stored = 0;
    let failure = loop {
        match submit(&storage, heavy, vec![once(long_entry(stored + 1))]).await {
            Ok(_) => stored += 1,
            Err(failure) => break failure,
        }
    };
    assert!(
        matches!(failure, StorageError::Unavailable(_)),
        "{failure:?}"
    );
    assert!(stored > 10, "{stored}");

    let head = storage.head(heavy).await.unwrap().unwrap();
    assert_eq!(head.seq.get(), i64::try_from(stored).unwrap() + 1);
    let all = EntryQuery::default();
    let entries = storage.entry_keys(heavy, all).await.unwrap();
    assert_eq!(entries.len() as u128, stored);

    // The storage recovers as soon as there is room again.
    assert!(storage.delete_account(heavy).await.unwrap());
    while storage.erase_accounts(20).await.unwrap() > 0 {}
    submit(&storage, light, vec![once(long_entry(1))])
        .await
        .unwrap();
    storage.close().await.unwrap();
}

fn long_entry(number: u128) -> kanso_domain::sync::Action {
    let fields = EntryFields {
        notes: Notes::new(&"x".repeat(Notes::MAX)).ok(),
        ..done(habit(1), "2026-01-15")
    };
    create_entry(entry(number), fields)
}

#[tokio::test]
async fn a_failed_write_does_not_affect_others_in_its_batch() {
    let folder = tempdir().unwrap();
    let storage = Arc::new(open(folder.path()));
    let user = register(&storage, 1).await;
    let release = hold(&storage, user).await;
    let writes: Vec<_> = (1..=30)
        .map(|number| {
            let storage = Arc::clone(&storage);
            tokio::spawn(async move {
                let work = move |current: Loaded| match number % 3 {
                    0 => unsound(current, number),
                    1 => panic!("a bug in a decision"),
                    _ => sound(current, number),
                };
                let decide = Arc::new(move |current| Ok(work(current)));
                storage.write(user, LoadSet::default(), decide).await
            })
        })
        .collect();
    tokio::task::yield_now().await;
    release.send(()).unwrap();
    for (number, written) in (1..).zip(join_all(writes).await) {
        let written = written.unwrap();
        match number % 3 {
            0 | 1 => assert!(
                matches!(written, Err(StorageError::Corrupt(_))),
                "{written:?}"
            ),
            _ => assert!(written.is_ok(), "{written:?}"),
        }
    }
    let habits = storage.habits(user, HabitQuery::all(true)).await.unwrap();
    assert_eq!(habits.len(), 10);
    let head = storage.head(user).await.unwrap().unwrap();
    assert_eq!(head.seq.get(), 10, "failed writes take no position");
}

fn sound(current: Loaded, number: u128) -> Changeset {
    let create = create_habit(habit(number), titled("Sound"));
    decide(current, &[once(create)], noon())
}

/// Stores a habit, and then one that replaces a version that is not stored.
fn unsound(current: Loaded, number: u128) -> Changeset {
    let mut changeset = sound(current, number);
    let mut record = changeset.habits[0].record.clone();
    record.id = habit(1_000 + number);
    let replaces = Some(version(1));
    changeset.habits.push(RecordWrite { record, replaces });
    changeset
}

#[tokio::test]
async fn a_write_whose_caller_is_cancelled_is_finished() {
    let folder = tempdir().unwrap();
    let storage = Arc::new(open(folder.path()));
    let user = register(&storage, 1).await;
    let release = hold(&storage, user).await;
    let write = {
        let storage = Arc::clone(&storage);
        tokio::spawn(async move {
            let create = once(create_habit(habit(1), titled("Read")));
            submit(&storage, user, vec![create]).await
        })
    };
    tokio::task::yield_now().await;
    write.abort();
    assert!(write.await.unwrap_err().is_cancelled());
    release.send(()).unwrap();
    // Closing finishes the queue.
    storage.close().await.unwrap();
    drop(storage);
    let again = open(folder.path());
    assert_eq!(
        again
            .habits(user, HabitQuery::all(true))
            .await
            .unwrap()
            .len(),
        1
    );
}

/// Makes the writer wait inside a write until the returned sender is used or dropped.
async fn hold(storage: &Arc<SqliteStorage>, user: UserId) -> mpsc::Sender<()> {
    let (release, released) = mpsc::channel();
    let (has_begun, begun) = oneshot::channel();
    let released = Mutex::new((released, Some(has_begun)));
    let storage = Arc::clone(storage);
    tokio::spawn(async move {
        let decide = Arc::new(move |current: Loaded| {
            let mut held = released.lock().unwrap();
            held.1.take().unwrap().send(()).unwrap();
            held.0.recv().unwrap();
            Ok(decide(current, &[], noon()))
        });
        let written = storage.write(user, LoadSet::default(), decide).await;
        written.unwrap();
    });
    begun.await.unwrap();
    release
}

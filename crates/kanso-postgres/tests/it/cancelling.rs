use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, mpsc};

use futures::{FutureExt as _, poll};
use kanso_application::ports::storage::{DeltaQuery, RecordStore as _, Scope};
use kanso_domain::Seq;
use kanso_domain::sync::{LoadSet, Since, decide};
use kanso_postgres::{PostgresOptions, PostgresStorage};
use kanso_testkit::PostgresServer;
use kanso_testkit::build::{create_habit, habit, noon, once, titled};

use crate::store::{make_habit, options, register};

/// A store with one connection, so that whatever is left on it is met by who comes next.
async fn narrow(url: &str) -> Arc<PostgresStorage> {
    let options = PostgresOptions {
        connections: NonZeroUsize::MIN,
        ..options(url)
    };
    Arc::new(PostgresStorage::open(&options).await.unwrap())
}

/// Whoever waits for a write goes away while it decides under the lock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_ends_as_a_whole_when_its_caller_goes_away() {
    let database = PostgresServer::shared().database();
    let storage = narrow(&database.url()).await;
    let user = register(&storage, 1).await;
    let (reached, is_reached) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let may_go_on = Mutex::new(may_go_on);
    let operations = vec![once(create_habit(habit(1), titled("Read")))];
    let keys = LoadSet::of(&operations);
    let deciding = Arc::new(move |current| {
        reached.send(()).unwrap();
        may_go_on.lock().unwrap().recv().unwrap();
        Ok(decide(current, &operations, noon()))
    });
    let caller = tokio::spawn({
        let storage = Arc::clone(&storage);
        async move { storage.write(user, keys, deciding).await }
    });
    let waited = tokio::task::spawn_blocking(move || is_reached.recv());
    waited.await.unwrap().unwrap();
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    go_on.send(()).unwrap();

    make_habit(&storage, user, 2).await.unwrap();
    assert!(storage.habit(user, habit(1)).await.unwrap().is_some());
    let head = storage.head(user).await.unwrap().unwrap();
    assert_eq!(head.seq.get(), 2);
}

/// Many begin to read, and go away at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_that_nobody_waits_for_leave_nothing_behind() {
    let database = PostgresServer::shared().database();
    let storage = narrow(&database.url()).await;
    let user = register(&storage, 1).await;
    let query = DeltaQuery {
        since: Since::Position(Seq::ZERO),
        scope: Scope::Everything,
        limit: None,
    };
    for number in 1..=50 {
        for _ in 0..4 {
            let mut read = storage.delta(user, query).boxed();
            let _ = poll!(read.as_mut());
            drop(read);
            let mut look_up = storage.head(user).boxed();
            let _ = poll!(look_up.as_mut());
        }
        make_habit(&storage, user, number).await.unwrap();
        let head = storage.head(user).await.unwrap().unwrap();
        assert_eq!(u128::try_from(head.seq.get()), Ok(number));
    }
}

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

/// Opens a store with one connection, so each call gets the connection that the last one used.
async fn narrow(url: &str) -> Arc<PostgresStorage> {
    let options = PostgresOptions {
        connections: NonZeroUsize::MIN,
        ..options(url)
    };
    Arc::new(PostgresStorage::open(&options).await.unwrap())
}

/// The caller of a write is cancelled while the write decides under the lock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_completes_when_its_caller_is_cancelled() {
    let database = PostgresServer::shared().database();
    let storage = narrow(&database.url()).await;
    let user = register(&storage, 1).await;
    let (reached, is_reached) = mpsc::channel();
    let (resume, may_resume) = mpsc::channel::<()>();
    let may_resume = Mutex::new(may_resume);
    let operations = vec![once(create_habit(habit(1), titled("Read")))];
    let keys = LoadSet::of(&operations);
    let deciding = Arc::new(move |current| {
        reached.send(()).unwrap();
        may_resume.lock().unwrap().recv().unwrap();
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
    resume.send(()).unwrap();

    make_habit(&storage, user, 2).await.unwrap();
    assert!(storage.habit(user, habit(1)).await.unwrap().is_some());
    let head = storage.head(user).await.unwrap().unwrap();
    assert_eq!(head.seq.get(), 2);
}

/// Many reads are cancelled after their first poll.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelled_reads_leave_nothing_behind() {
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

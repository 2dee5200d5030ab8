use futures::future::join_all;
use kanso_application::ports::storage::{RecordStore as _, Storage as _, StorageError};
use kanso_testkit::PostgresServer;
use kanso_testkit::build::habit;

use crate::store::{make_habit, open, register};

/// The server crashes while many write, and comes back. Whoever was answered finds what was
/// written, and nobody needs to start anything anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_outlives_a_crash_of_its_server() {
    let server: &'static PostgresServer = Box::leak(Box::new(PostgresServer::start()));
    let database = server.database();
    let storage = open(&database.url()).await;
    let user = register(&storage, 1).await;
    let (storage, user) = (&storage, user);

    let writers = (0..4).map(async |writer: u128| {
        let mut acknowledged = Vec::new();
        for number in writer * 100_000 + 1.. {
            match make_habit(storage, user, number).await {
                Ok(_) => acknowledged.push(habit(number)),
                Err(StorageError::Unavailable(_)) => return acknowledged,
                Err(other) => panic!("{other:?}"),
            }
        }
        acknowledged
    });
    let crash = async {
        while storage.head(user).await.unwrap().unwrap().seq.get() < 20 {}
        tokio::task::spawn_blocking(|| server.crash())
            .await
            .unwrap();
    };
    let (acknowledged, ()) = futures::future::join(join_all(writers), crash).await;
    assert!(matches!(
        storage.ping().await,
        Err(StorageError::Unavailable(_))
    ));

    tokio::task::spawn_blocking(|| server.restart())
        .await
        .unwrap();
    storage.ping().await.unwrap();
    make_habit(storage, user, 99).await.unwrap();
    for id in acknowledged.into_iter().flatten() {
        let found = storage.habit(user, id).await.unwrap();
        assert!(found.is_some(), "{id} was acknowledged");
    }
}

//! A synchronous standby is away, so commits wait for it.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use kanso_application::ports::storage::{RecordStore as _, Storage as _, StorageError};
use kanso_testkit::PostgresServer;
use tokio::task::spawn_blocking;

use crate::store::{make_habit, open, register};

/// Sets the standby that commits wait for. Empty: none.
async fn wait_for_standby(server: &Arc<PostgresServer>, name: &'static str) {
    let server = Arc::clone(server);
    let set = move || {
        let setting = format!("ALTER SYSTEM SET synchronous_standby_names = '{name}'");
        server.ask("postgres", &setting);
        server.ask("postgres", "SELECT pg_reload_conf()");
    };
    spawn_blocking(set).await.unwrap();
}

/// Number of commits that wait for the standby.
async fn waiting_commits(server: &Arc<PostgresServer>) -> String {
    let server = Arc::clone(server);
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    spawn_blocking(move || server.ask("postgres", sql))
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_go_on_while_commits_wait_for_a_standby() {
    let server = PostgresServer::start();
    let database = server.database();
    let storage = Arc::new(open(&database.url()).await);
    let mut users = Vec::new();
    for number in 1..=8 {
        users.push(register(&storage, number).await);
    }
    wait_for_standby(&server, "away").await;

    let writes: Vec<_> = users
        .iter()
        .map(|&user| {
            let storage = Arc::clone(&storage);
            tokio::spawn(async move { make_habit(&storage, user, 1).await })
        })
        .collect();
    // The store has eight connections, and six of them may write.
    while waiting_commits(&server).await != "6" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for &user in &users {
        let head = storage.head(user).await.unwrap().unwrap();
        assert_eq!(head.seq.get(), 0, "an unfinished commit is not visible");
    }
    storage.ping().await.unwrap();

    wait_for_standby(&server, "").await;
    for (write, user) in join_all(writes).await.into_iter().zip(users) {
        match write.unwrap() {
            Ok(_) => assert_eq!(storage.head(user).await.unwrap().unwrap().seq.get(), 1),
            // It had no turn within ten seconds, on a slow machine.
            Err(StorageError::Unavailable(_)) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
}

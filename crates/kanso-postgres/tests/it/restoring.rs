use kanso_application::ports::storage::{RecordStore as _, Storage as _};
use kanso_testkit::PostgresServer;
use kanso_testkit::build::habit;

use crate::store::{make_habit, open_with_epoch, register};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stored_epoch_is_kept_until_the_database_is_another_one() {
    let database = PostgresServer::shared().database();
    let first = open_with_epoch(&database.url(), 1).await;
    let user = register(&first, 1).await;
    make_habit(&first, user, 1).await.unwrap();
    first.close().await.unwrap();

    let again = open_with_epoch(&database.url(), 2).await;
    assert_eq!(again.head(user).await.unwrap().unwrap().epoch.get(), 1);
    again.close().await.unwrap();

    let copy = database.copy();
    for fresh in [3, 4] {
        let restored = open_with_epoch(&copy.url(), fresh).await;
        let head = restored.head(user).await.unwrap().unwrap();
        assert_eq!((head.epoch.get(), head.seq.get()), (3, 1));
        assert!(restored.habit(user, habit(1)).await.unwrap().is_some());
        restored.close().await.unwrap();
    }
}

/// A new epoch changes no user, so the start is the head until the first write, which stores it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_history_starts_at_the_head_of_the_backup() {
    let database = PostgresServer::shared().database();
    let first = open_with_epoch(&database.url(), 1).await;
    let user = register(&first, 1).await;
    for number in 1..=2 {
        make_habit(&first, user, number).await.unwrap();
    }
    let head = first.head(user).await.unwrap().unwrap();
    assert_eq!((head.history_start.get(), head.seq.get()), (0, 2));
    first.close().await.unwrap();

    let copy = database.copy();
    let restored = open_with_epoch(&copy.url(), 3).await;
    for number in 3..=5 {
        let head = restored.head(user).await.unwrap().unwrap();
        assert_eq!(head.epoch.get(), 3);
        assert_eq!(head.history_start.get(), 2, "before the habit {number}");
        make_habit(&restored, user, number).await.unwrap();
    }
    restored.close().await.unwrap();
}

/// The database behind the address is replaced while the store is open.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_connection_to_another_history_brings_its_epoch() {
    let database = PostgresServer::shared().database();
    let storage = open_with_epoch(&database.url(), 1).await;
    let user = register(&storage, 1).await;
    database.run(
        "UPDATE server SET epoch = 7, witness = 'another';
         SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
         WHERE application_name = 'kanso' AND datname = current_database()",
    );
    // The second node would make another epoch, but adopts that of the first.
    let other = open_with_epoch(&database.url(), 2).await;
    for node in [&storage, &other] {
        let head = node.head(user).await.unwrap().unwrap();
        assert_eq!(head.epoch.get(), 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_cluster_timeline_or_table_is_another_history() {
    for change in [
        "UPDATE server SET witness = regexp_replace(witness, 'cluster=[0-9]+', 'cluster=1')",
        "UPDATE server SET witness = replace(witness, 'timeline=00000001', 'timeline=00000002')",
        "CREATE TABLE copied (LIKE server INCLUDING ALL); INSERT INTO copied SELECT * FROM server;
         DROP TABLE server; ALTER TABLE copied RENAME TO server",
    ] {
        let database = PostgresServer::shared().database();
        let before = open_with_epoch(&database.url(), 1).await;
        let user = register(&before, 1).await;
        before.close().await.unwrap();
        database.run(change);
        let after = open_with_epoch(&database.url(), 2).await;
        let head = after.head(user).await.unwrap().unwrap();
        assert_eq!(head.epoch.get(), 2, "{change}");
    }
}

use std::io;
use std::sync::{Arc, Mutex};

use futures::future::join_all;
use kanso_application::ports::storage::{RecordStore as _, Storage as _, StorageError};
use kanso_testkit::PostgresServer;
use kanso_testkit::build::{create_habit, habit, once, titled};
use tokio_postgres::{Client, NoTls};

use crate::store::{make_habit, open, register, submit};

/// Another connection holds the lock on the user. The server ends the connection that waits for it,
/// as it does when it shuts down, and the write is retried on another one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_whose_connection_ends_before_its_commit_is_retried() {
    let database = PostgresServer::shared().database();
    let storage = Arc::new(open(&database.url()).await);
    let user = register(&storage, 1).await;
    let (client, connection) = tokio_postgres::connect(&database.url(), NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    let lock = "BEGIN; SELECT user_id FROM users FOR UPDATE";
    client.batch_execute(lock).await.unwrap();
    let write = tokio::spawn({
        let storage = Arc::clone(&storage);
        async move { make_habit(&storage, user, 1).await }
    });
    let first = waiting(&client, 0).await;
    let end = "SELECT pg_terminate_backend($1)";
    client.query_one(end, &[&first]).await.unwrap();
    waiting(&client, first).await;
    client.batch_execute("COMMIT").await.unwrap();
    let changeset = write.await.unwrap().unwrap();
    assert_eq!(changeset.head.seq.get(), 1);
}

/// Waits until a process other than `before` waits for a lock, and returns its id.
async fn waiting(client: &Client, before: i32) -> i32 {
    let sql = "SELECT pid FROM pg_stat_activity
               WHERE datname = current_database() AND wait_event_type = 'Lock' AND pid <> $1";
    loop {
        // Inside a transaction pg_stat_activity is cached.
        client
            .batch_execute("SELECT pg_stat_clear_snapshot()")
            .await
            .unwrap();
        if let Some(row) = client.query_opt(sql, &[&before]).await.unwrap() {
            return row.get(0);
        }
    }
}

/// The server crashes during writes and restarts. Every acknowledged record is still there, and the
/// store works again without being reopened.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_survives_a_crash_of_its_server() {
    let server = PostgresServer::start();
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
        tokio::task::spawn_blocking({
            let server = Arc::clone(&server);
            move || server.crash()
        })
        .await
        .unwrap();
    };
    let (acknowledged, ()) = futures::future::join(join_all(writers), crash).await;
    assert!(matches!(
        storage.ping().await,
        Err(StorageError::Unavailable(_))
    ));

    tokio::task::spawn_blocking(move || server.restart())
        .await
        .unwrap();
    storage.ping().await.unwrap();
    make_habit(storage, user, 99).await.unwrap();
    for id in acknowledged.into_iter().flatten() {
        let found = storage.habit(user, id).await.unwrap();
        assert!(found.is_some(), "{id} was acknowledged");
    }
}

/// Errors go to the log, one line each. The server's detail would quote the row.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_is_one_line_without_user_data() {
    let database = PostgresServer::shared().database();
    let storage = open(&database.url()).await;
    let user = register(&storage, 1).await;
    database.run("ALTER TABLE habits ADD CONSTRAINT no_room CHECK (length(title) = 0)");
    let canary = create_habit(habit(1), titled("Canary"));
    let error = submit(&storage, user, vec![once(canary)])
        .await
        .unwrap_err();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    assert!(text.contains("no_room"), "{text}");
    assert!(text.contains("23514"), "{text}");
    assert!(!text.contains('\n'), "{text}");
    for of_the_row in ["Canary", &user.to_string()] {
        assert!(!text.contains(of_the_row), "{text}");
    }
    storage.close().await.unwrap();
}

/// The text of a log.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One line for each cause, however many calls fail.
#[tokio::test]
async fn the_cause_of_an_outage_is_logged_once() {
    let server = PostgresServer::start();
    let database = server.database();
    let storage = open(&database.url()).await;
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false);
    let subscriber = subscriber.with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    server.stop();
    while storage.ping().await.is_ok() {}
    for _ in 0..3 {
        assert!(storage.ping().await.is_err());
    }
    server.restart();
    while storage.ping().await.is_err() {}
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let warned = text
        .matches("no connection to postgresql cause=\"nothing listens\"")
        .count();
    assert_eq!(warned, 1, "{text}");
    assert!(
        text.contains("WARN") && text.contains("connected to postgresql again"),
        "{text}"
    );
}

//! After a failover the old primary comes back and accepts writes.

use std::sync::Arc;

use kanso_application::ports::storage::{RecordStore as _, Storage as _};
use kanso_testkit::{Database, PostgresServer};
use tokio::task::spawn_blocking;

use crate::store::{make_habit, open, register};

/// A primary that stopped, its promoted standby, and the URL that names both.
struct Failover {
    old: Arc<PostgresServer>,
    new: Arc<PostgresServer>,
    url: String,
    database: Database,
}

impl Failover {
    /// Starts a primary and its standby.
    fn prepare() -> Self {
        let old = PostgresServer::start();
        let database = old.database();
        let new = old.standby();
        let both = format!("{},{}", old.address(), new.address());
        let url = database.url().replace(old.address(), &both);
        Self {
            old,
            new,
            url,
            database,
        }
    }

    /// Number of habits in the database at this server.
    fn habits(&self, server: &PostgresServer) -> String {
        server.ask(self.database.name(), "SELECT count(*) FROM habits")
    }

    fn habits_of_old_and_new(&self) -> [String; 2] {
        [self.habits(&self.old), self.habits(&self.new)]
    }

    /// Ends every connection of the store to this server, as an idle timeout of a firewall does.
    fn cut_connections(server: &PostgresServer) {
        let cut = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
                   WHERE application_name = 'kanso'";
        server.ask("postgres", cut);
    }

    /// The primary crashes and the standby is promoted once it has everything.
    fn fail_over(&self) {
        self.new.await_replay(&self.old);
        self.old.crash();
        self.new.promote();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_primary_that_came_back_is_never_written_to() {
    let failover = spawn_blocking(Failover::prepare).await.unwrap();
    let failover = Arc::new(failover);
    let storage = open(&failover.url).await;
    let user = register(&storage, 1).await;
    make_habit(&storage, user, 1).await.unwrap();

    let parts = Arc::clone(&failover);
    spawn_blocking(move || parts.fail_over()).await.unwrap();
    make_habit(&storage, user, 2).await.unwrap();
    let promoted = storage.head(user).await.unwrap().unwrap().epoch;

    let parts = Arc::clone(&failover);
    let cut = move || {
        parts.old.restart();
        Failover::cut_connections(&parts.new);
    };
    spawn_blocking(cut).await.unwrap();
    for number in 3..=20 {
        make_habit(&storage, user, number).await.unwrap();
    }
    let head = storage.head(user).await.unwrap().unwrap();
    assert_eq!((head.epoch, head.seq.get()), (promoted, 20));
    storage.close().await.unwrap();

    let parts = Arc::clone(&failover);
    let habits = spawn_blocking(move || parts.habits_of_old_and_new());
    assert_eq!(habits.await.unwrap(), ["1", "20"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_process_takes_the_newest_history_of_all_hosts() {
    let failover = spawn_blocking(Failover::prepare).await.unwrap();
    let failover = Arc::new(failover);
    let before = open(&failover.url).await;
    let user = register(&before, 1).await;
    before.close().await.unwrap();
    let parts = Arc::clone(&failover);
    let both_run = move || {
        parts.fail_over();
        parts.old.restart();
    };
    spawn_blocking(both_run).await.unwrap();

    let storage = open(&failover.url).await;
    make_habit(&storage, user, 1).await.unwrap();
    storage.close().await.unwrap();
    let parts = Arc::clone(&failover);
    let habits = spawn_blocking(move || parts.habits_of_old_and_new());
    assert_eq!(habits.await.unwrap(), ["0", "1"]);
}

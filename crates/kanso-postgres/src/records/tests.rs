use std::num::NonZeroUsize;
use std::sync::Arc;

use kanso_application::ports::storage::{AccountStore as _, Storage as _};
use kanso_domain::sync::{Base, Epoch, LoadSet, Operation, decide};
use kanso_testkit::PostgresServer;
use kanso_testkit::build::{
    create_entry, create_habit, delete_entry, delete_habit, done, entry, habit, new_account, noon,
    operation, titled, update_habit, user,
};

use super::{load, store};
use crate::connection::Connection;
use crate::{PostgresOptions, PostgresStorage};

/// Each write gets a connection that has prepared nothing. The statements of the second pipeline
/// must be prepared before the first one begins the transaction and takes the lock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_on_a_fresh_connection_prepares_nothing_under_the_lock() {
    let database = PostgresServer::shared().database();
    let fresh_epoch = Arc::new(|| Epoch::new(1));
    let options = PostgresOptions {
        connections: NonZeroUsize::MIN,
        ..PostgresOptions::new(database.url().parse().unwrap(), fresh_epoch)
    };
    let storage = PostgresStorage::open(&options).await.unwrap();
    assert!(storage.create_account(new_account(1)).await.unwrap());
    let mut number = 0;
    for actions in [
        vec![
            create_habit(habit(1), titled("Read")),
            create_entry(entry(1), done(habit(1), "2026-01-05")),
            create_entry(entry(2), done(habit(1), "2026-01-06")),
        ],
        vec![
            update_habit(habit(1), Base::Any, titled("Write")),
            delete_entry(entry(1), Base::Any),
        ],
        vec![delete_habit(habit(1), Base::Any)],
    ] {
        let operations: Vec<Operation> = actions
            .into_iter()
            .map(|action| {
                number += 1;
                operation(number, action)
            })
            .collect();
        let client = storage.connections.get().await.unwrap();
        client.statement_cache.clear();
        let connection = Connection::for_transaction(client);
        let prepared = || connection.client().unwrap().statement_cache.size();

        let keys = LoadSet::of(&operations);
        let state = load(&connection, user(1), &keys).await.unwrap().unwrap();
        let loaded = state.loaded;
        let (before, prepared_first) = ((loaded.head, loaded.usage), prepared());
        let changeset = decide(loaded, &operations, noon());
        assert_ne!(changeset.head, before.0);
        store(&connection, user(1), before, &changeset)
            .await
            .unwrap();
        assert_eq!(prepared(), prepared_first);
        connection.ended();
    }
    storage.close().await.unwrap();
}

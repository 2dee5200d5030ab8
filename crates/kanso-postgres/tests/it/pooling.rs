use kanso_application::ports::storage::{RecordStore as _, Storage as _};
use kanso_postgres::OpenError;
use kanso_testkit::{Pooler, PostgresServer};

use crate::store::{make_habit, open, register, try_open};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_by_session_works() {
    let database = PostgresServer::shared().database();
    let pooler = Pooler::start(&database, "session");
    let storage = open(&pooler.url(&database)).await;
    let user = register(&storage, 1).await;
    for number in 1..=3 {
        make_habit(&storage, user, number).await.unwrap();
    }
    assert_eq!(storage.head(user).await.unwrap().unwrap().seq.get(), 3);
    storage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_by_transaction_is_refused_at_the_start() {
    let database = PostgresServer::shared().database();
    let pooler = Pooler::start(&database, "transaction");
    let refused = try_open(&pooler.url(&database)).await.unwrap_err();
    assert!(
        matches!(refused, OpenError::TransactionPooler { .. }),
        "{refused}"
    );
    let line = refused.to_string();
    assert!(line.contains("pool by session"), "{line}");
    assert!(!refused.is_passing());
    database.run("SELECT 1 / (to_regclass('users') IS NULL)::int");
}

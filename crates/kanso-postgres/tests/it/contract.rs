use std::sync::Arc;

use kanso_application::ports::storage::Storage;
use kanso_testkit::{Database, PostgresServer};

use crate::store::open;

mod whole {
    kanso_testkit::storage_contract!(crate::contract::on_whole_tables);
}

async fn on_whole_tables() -> (Arc<dyn Storage>, Database) {
    let database = PostgresServer::shared().database();
    let storage = open(&database.url()).await;
    (Arc::new(storage), database)
}

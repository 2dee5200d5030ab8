use std::sync::Arc;

use kanso_application::ports::storage::Storage;
use kanso_testkit::{Database, PostgresServer};
use tokio::sync::OnceCell;

use crate::store::open;
use crate::{partitioned, rights};

mod whole {
    kanso_testkit::storage_contract!(crate::contract::on_whole_tables);
}

mod partitioned_by_user {
    kanso_testkit::storage_contract!(crate::contract::on_partitioned_tables);
}

/// As a role that may only read and change rows.
async fn on_whole_tables() -> (Arc<dyn Storage>, Database) {
    static TEMPLATE: OnceCell<Database> = OnceCell::const_new();
    let template = TEMPLATE.get_or_init(async || {
        let template = migrated().await;
        rights::grant(&template);
        template
    });
    let database = template.await.copy();
    let storage = open(&rights::url(&database)).await;
    (Arc::new(storage), database)
}

async fn on_partitioned_tables() -> (Arc<dyn Storage>, Database) {
    static TEMPLATE: OnceCell<Database> = OnceCell::const_new();
    let template = TEMPLATE.get_or_init(async || {
        let template = migrated().await;
        template.run(&partitioned::schema());
        template
    });
    let database = template.await.copy();
    let storage = open(&database.url()).await;
    (Arc::new(storage), database)
}

/// Creates a migrated, empty database without connections: only such a one can be a template.
async fn migrated() -> Database {
    let database = PostgresServer::shared().database();
    open(&database.url()).await.close().await.unwrap();
    database
}

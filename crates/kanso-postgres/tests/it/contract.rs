use std::sync::Arc;

use kanso_application::ports::storage::Storage;
use kanso_testkit::{Database, PostgresServer};
use tokio::sync::OnceCell;

use crate::partitioned;
use crate::store::open;

mod whole {
    kanso_testkit::storage_contract!(crate::contract::on_whole_tables);
}

mod partitioned_by_user {
    kanso_testkit::storage_contract!(crate::contract::on_partitioned_tables);
}

async fn on_whole_tables() -> (Arc<dyn Storage>, Database) {
    static TEMPLATE: OnceCell<Database> = OnceCell::const_new();
    let template = TEMPLATE.get_or_init(migrated).await;
    copy_of(template).await
}

async fn on_partitioned_tables() -> (Arc<dyn Storage>, Database) {
    static TEMPLATE: OnceCell<Database> = OnceCell::const_new();
    let template = TEMPLATE.get_or_init(async || {
        let template = migrated().await;
        template.run(&partitioned::schema());
        template
    });
    copy_of(template.await).await
}

/// Creates a migrated, empty database without connections: only such a one can be a template.
async fn migrated() -> Database {
    let database = PostgresServer::shared().database();
    open(&database.url()).await.close().await.unwrap();
    database
}

async fn copy_of(template: &Database) -> (Arc<dyn Storage>, Database) {
    let database = template.copy();
    let storage = open(&database.url()).await;
    (Arc::new(storage), database)
}

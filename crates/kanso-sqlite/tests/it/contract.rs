use std::future::{Ready, ready};
use std::sync::Arc;

use kanso_application::ports::storage::Storage;
use kanso_sqlite::Executor;
use tempfile::TempDir;

use crate::store::open_with;

mod threaded {
    kanso_testkit::storage_contract!(crate::contract::on_threads);
}

mod inline {
    kanso_testkit::storage_contract!(crate::contract::in_the_call);
}

fn on_threads() -> Ready<(Arc<dyn Storage>, TempDir)> {
    empty_storage(Executor::Threaded)
}

fn in_the_call() -> Ready<(Arc<dyn Storage>, TempDir)> {
    empty_storage(Executor::Inline)
}

fn empty_storage(executor: Executor) -> Ready<(Arc<dyn Storage>, TempDir)> {
    let folder = tempfile::tempdir().unwrap();
    let storage = open_with(folder.path(), |options| options.executor = executor);
    ready((Arc::new(storage), folder))
}

use std::future::{Ready, ready};
use std::sync::Arc;

use kanso_application::ports::storage::Storage;
use kanso_testkit::MemoryStorage;

kanso_testkit::storage_contract!(crate::contract::empty_storage);

fn empty_storage() -> Ready<(Arc<dyn Storage>, ())> {
    ready((Arc::new(MemoryStorage::default()), ()))
}

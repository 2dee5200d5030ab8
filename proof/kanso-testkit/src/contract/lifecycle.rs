//! Opening and closing.

use kanso_application::ports::storage::{HabitQuery, Storage, StorageError};

use super::test_user::TestUser;
use crate::build::{create_habit, habit, titled, user};

/// An open storage answers a ping.
pub async fn an_open_storage_answers(storage: &dyn Storage) {
    storage.ping().await.unwrap();
}

/// A closed storage is unavailable to every call, and stays closed.
pub async fn a_closed_storage_is_unavailable(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
    person.apply(create_habit(habit(1), titled("Read"))).await;
    // The second round closes a closed storage, which must be a no-op.
    for _ in 0..2 {
        storage.close().await.unwrap();
        unavailable(&storage.ping().await);
        unavailable(&storage.head(user(1)).await);
        unavailable(&storage.habits(user(1), HabitQuery::all(true)).await);
        unavailable(&storage.account(user(1)).await);
        unavailable(&storage.delete_account(user(1)).await);
        let keys = kanso_domain::sync::LoadSet::default();
        unavailable(&person.write(keys, |_| panic!("nothing to decide on")).await);
    }
}

fn unavailable<T: std::fmt::Debug>(answer: &Result<T, StorageError>) {
    assert!(
        matches!(answer, Err(StorageError::Unavailable(_))),
        "expected unavailable, got {answer:?}"
    );
}

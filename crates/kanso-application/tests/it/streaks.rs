//! How long streaks have to wait.

use std::sync::Arc;

use kanso_application::ports::storage::{AccountStore as _, RecordStore as _};
use kanso_application::streaks::Streaks;
use kanso_domain::sync::{Keys, decide};
use kanso_testkit::build::{create_habit, habit, new_account, noon, once, titled, user};
use kanso_testkit::{ManualClock, MemoryStorage, QuietFeed};

#[tokio::test]
async fn the_age_of_the_oldest_job_is_that_of_its_change() {
    let storage = Arc::new(MemoryStorage::default());
    let clock = Arc::new(ManualClock::at(noon()));
    let streaks = Streaks::new(storage.clone(), clock.clone(), Arc::new(QuietFeed));
    let age = async || streaks.backlog().await.unwrap().1;
    assert_eq!(age().await, 0, "none waits");
    storage.create_account(new_account(1)).await.unwrap();
    let outbox = vec![once(create_habit(habit(1), titled("Read")))];
    let keys = Keys::of(&outbox);
    let work = Arc::new(move |current| Ok(decide(current, &outbox, noon())));
    storage.write(user(1), keys, work).await.unwrap();
    clock.advance_seconds(90);
    assert_eq!(age().await, 90);
    clock.set(noon().plus_seconds(-90));
    assert_eq!(age().await, 0, "the clock was put back");
}

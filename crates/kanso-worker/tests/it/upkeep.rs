//! What time removes, and which devices were seen.

use std::sync::Arc;
use std::time::Duration;

use kanso_application::devices::Devices;
use kanso_application::housekeeping::{Housekeeping, Retention};
use kanso_application::ports::devices::{Device, DeviceStore as _};
use kanso_application::ports::storage::{AccountStore as _, RecordStore as _};
use kanso_domain::sync::{Base, LoadSet, decide};
use kanso_testkit::build::{
    create_habit, delete_habit, device, habit, new_account, noon, operation, titled, user,
};
use kanso_testkit::{ManualClock, MemoryStorage};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

const A_YEAR: i64 = 365 * 86_400;

/// Somebody who deleted a habit a year ago, and the loops that keep house.
struct House {
    storage: Arc<MemoryStorage>,
    clock: Arc<ManualClock>,
    devices: Devices,
    loops: TaskTracker,
    stop: CancellationToken,
}

impl House {
    async fn after_a_year() -> Self {
        let storage = Arc::new(MemoryStorage::default());
        storage.create_account(new_account(1)).await.unwrap();
        let outbox = vec![
            operation(1, create_habit(habit(1), titled("Read"))),
            operation(2, delete_habit(habit(1), Base::Any)),
        ];
        let keys = LoadSet::of(&outbox);
        let work = Arc::new(move |current| Ok(decide(current, &outbox, noon())));
        storage.write(user(1), keys, work).await.unwrap();
        let clock = Arc::new(ManualClock::at(noon().plus_seconds(A_YEAR)));
        let devices = Devices::new(storage.clone(), clock.clone());
        let housekeeping = Housekeeping::new(storage.clone(), clock.clone(), Retention::default());
        let (loops, stop) = (TaskTracker::new(), CancellationToken::new());
        kanso_worker::start_upkeep(&loops, devices.clone(), housekeeping, &stop);
        loops.close();
        Self {
            storage,
            clock,
            devices,
            loops,
            stop,
        }
    }

    async fn floor(&self) -> i64 {
        let head = self.storage.head(user(1)).await.unwrap().unwrap();
        head.floor.seq.get()
    }
}

#[tokio::test]
async fn what_was_kept_long_enough_is_removed_at_the_start() {
    let house = House::after_a_year().await;
    let purged = async {
        while house.floor().await == 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(30), purged).await.unwrap();
    assert_eq!(house.floor().await, 2);
    house.stop.cancel();
    house.loops.wait().await;
}

#[tokio::test]
async fn what_was_seen_last_is_stored_before_the_loops_end() {
    let house = House::after_a_year().await;
    house
        .devices
        .record_sighting(user(1), device(1), None)
        .await;
    let first = house.storage.devices(user(1)).await.unwrap()[0];
    house.clock.advance_seconds(60);
    house
        .devices
        .record_sighting(user(1), device(1), None)
        .await;
    house.stop.cancel();
    house.loops.wait().await;
    let stored = house.storage.devices(user(1)).await.unwrap();
    let last_seen_at = first.last_seen_at.plus_seconds(60);
    assert_eq!(
        stored,
        [Device {
            last_seen_at,
            ..first
        }]
    );
}

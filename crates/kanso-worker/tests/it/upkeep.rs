//! Purges of expired data, and sightings of devices.

use std::sync::Arc;
use std::time::Duration;

use kanso_application::devices::Devices;
use kanso_application::housekeeping::{Housekeeping, Retention};
use kanso_application::ports::devices::{Device, DeviceStore as _};
use kanso_application::ports::storage::{AccountStore as _, RecordStore as _};
use kanso_application::security::Security;
use kanso_domain::sync::{Base, LoadSet, decide};
use kanso_testkit::build::{
    create_habit, delete_habit, device, habit, new_account, noon, operation, titled, user,
};
use kanso_testkit::{ManualClock, MemoryStorage, PlainPseudonyms, SequentialIds};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

const A_YEAR: i64 = 365 * 86_400;

/// A user who deleted a habit a year ago, and the upkeep loops.
struct UpkeepSetup {
    storage: Arc<MemoryStorage>,
    clock: Arc<ManualClock>,
    devices: Devices,
    loops: TaskTracker,
    stop: CancellationToken,
}

impl UpkeepSetup {
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
        let ids = Arc::new(SequentialIds::default());
        let pseudonyms = Arc::new(PlainPseudonyms);
        let security = Security::new(storage.clone(), clock.clone(), ids, pseudonyms);
        kanso_worker::start_upkeep(&loops, devices.clone(), security, housekeeping, &stop);
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
async fn expired_data_is_purged_at_the_start() {
    let setup = UpkeepSetup::after_a_year().await;
    let purged = async {
        while setup.floor().await == 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(30), purged).await.unwrap();
    assert_eq!(setup.floor().await, 2);
    setup.stop.cancel();
    setup.loops.wait().await;
}

#[tokio::test]
async fn last_sightings_are_stored_before_the_loops_end() {
    let setup = UpkeepSetup::after_a_year().await;
    setup
        .devices
        .record_sighting(user(1), device(1), None, None)
        .await;
    let first = setup.storage.devices(user(1)).await.unwrap()[0];
    setup.clock.advance_seconds(60);
    setup
        .devices
        .record_sighting(user(1), device(1), None, None)
        .await;
    setup.stop.cancel();
    setup.loops.wait().await;
    let stored = setup.storage.devices(user(1)).await.unwrap();
    let last_seen_at = first.last_seen_at.plus_seconds(60);
    assert_eq!(
        stored,
        [Device {
            last_seen_at,
            ..first
        }]
    );
}

//! Devices of several servers, which share a storage and have a memory each.

use std::sync::Arc;

use kanso_application::devices::Devices;
use kanso_application::ports::credentials::Identity;
use kanso_application::ports::storage::AccountStore as _;
use kanso_domain::{DeviceId, Timestamp};
use kanso_testkit::build::{device, new_account, noon, session_id, user};
use kanso_testkit::{ManualClock, MemoryStorage};

/// Two servers with one clock.
struct Fleet {
    one: Devices,
    other: Devices,
    clock: Arc<ManualClock>,
}

impl Fleet {
    async fn new() -> Self {
        let storage = Arc::new(MemoryStorage::default());
        storage.create_account(new_account(1)).await.unwrap();
        let clock = Arc::new(ManualClock::at(noon()));
        let server = || Devices::new(storage.clone(), clock.clone());
        Self {
            one: server(),
            other: server(),
            clock,
        }
    }
}

/// The devices that a server lists, with the time of the last sync of each.
async fn listed(server: &Devices) -> Vec<(DeviceId, Timestamp)> {
    let listed = server.list(user(1)).await.unwrap().into_iter();
    let listed = listed.map(|lag| (lag.device.id, lag.device.last_seen_at));
    listed.collect()
}

#[tokio::test]
async fn a_new_device_is_listed_by_every_server_at_once() {
    let fleet = Fleet::new().await;
    fleet
        .one
        .record_sighting(user(1), device(1), None, None)
        .await;
    assert_eq!(listed(&fleet.other).await, [(device(1), noon())]);
}

#[tokio::test]
async fn an_older_sighting_does_not_bring_back_a_forgotten_device() {
    let fleet = Fleet::new().await;
    for _ in 0..2 {
        // The second sighting is not stored at once.
        fleet
            .one
            .record_sighting(user(1), device(1), None, None)
            .await;
    }
    assert!(fleet.other.forget(ada(), device(1)).await.unwrap());
    fleet.one.store_sightings().await.unwrap();
    assert_eq!(listed(&fleet.one).await, []);
    assert_eq!(listed(&fleet.other).await, []);
    assert!(!fleet.one.forget(ada(), device(1)).await.unwrap());
}

#[tokio::test]
async fn a_forgotten_device_that_syncs_is_a_new_one() {
    let fleet = Fleet::new().await;
    let Fleet { one, other, clock } = &fleet;
    one.record_sighting(user(1), device(1), None, None).await;
    assert!(one.forget(ada(), device(1)).await.unwrap());
    clock.advance_seconds(60);
    one.record_sighting(user(1), device(1), None, None).await;
    assert_eq!(listed(other).await, [(device(1), noon().plus_seconds(60))]);
    // The other server first finds out that the device was forgotten.
    assert!(other.forget(ada(), device(1)).await.unwrap());
    one.record_sighting(user(1), device(1), None, None).await;
    one.store_sightings().await.unwrap();
    one.record_sighting(user(1), device(1), None, None).await;
    assert_eq!(listed(other).await.len(), 1);
}

/// Returns a session without a device.
fn ada() -> Identity {
    Identity {
        user_id: user(1),
        session_id: session_id(1),
    }
}

//! Devices in memory.

use std::cmp::Reverse;

use async_trait::async_trait;
use kanso_application::ports::devices::{Device, DeviceStore, Sighting};
use kanso_application::ports::storage::StorageError;
use kanso_domain::{DeviceId, UserId};

use super::MemoryStorage;

#[async_trait]
impl DeviceStore for MemoryStorage {
    async fn meet_device(&self, sighting: Sighting) -> Result<(), StorageError> {
        self.with_user(sighting.user, |person| {
            let device = person.devices.entry(sighting.device).or_insert(Device {
                id: sighting.device,
                first_seen_at: sighting.at,
                last_seen_at: sighting.at,
                position: sighting.position,
            });
            note(device, sighting);
        })?;
        Ok(())
    }

    async fn note_devices(
        &self,
        sightings: Vec<Sighting>,
    ) -> Result<Vec<(UserId, DeviceId)>, StorageError> {
        self.with(|state| {
            let mut unknown = Vec::new();
            for sighting in sightings {
                let person = state.people.get_mut(&sighting.user);
                match person.and_then(|person| person.devices.get_mut(&sighting.device)) {
                    Some(device) => note(device, sighting),
                    None => unknown.push((sighting.user, sighting.device)),
                }
            }
            unknown
        })
    }

    async fn devices(&self, user: UserId) -> Result<Vec<Device>, StorageError> {
        let devices = self.with_user(user, |person| {
            let mut devices: Vec<_> = person.devices.values().copied().collect();
            devices.sort_by_key(|device| (Reverse(device.last_seen_at), device.id));
            devices
        })?;
        Ok(devices.unwrap_or_default())
    }

    async fn forget_device(&self, user: UserId, device: DeviceId) -> Result<bool, StorageError> {
        let forgotten = self.with_user(user, |person| person.devices.remove(&device))?;
        Ok(forgotten.flatten().is_some())
    }
}

fn note(device: &mut Device, sighting: Sighting) {
    device.last_seen_at = device.last_seen_at.max(sighting.at);
    device.position = sighting.position;
}

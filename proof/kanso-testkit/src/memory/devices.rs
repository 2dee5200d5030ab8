//! Devices in memory.

use std::cmp::Reverse;

use async_trait::async_trait;
use kanso_application::ports::devices::{Device, DeviceStore, Sighting};
use kanso_application::ports::storage::StorageError;
use kanso_domain::{DeviceId, SessionId, UserId};

use super::MemoryStorage;

#[async_trait]
impl DeviceStore for MemoryStorage {
    async fn meet_device(&self, sighting: Sighting, most: u32) -> Result<(), StorageError> {
        self.with_user(sighting.user, |data| {
            let device = data.devices.entry(sighting.device).or_insert(Device {
                id: sighting.device,
                first_seen_at: sighting.at,
                last_seen_at: sighting.at,
                position: sighting.position,
            });
            note(device, sighting);
            let session = sighting.session.and_then(|id| data.sessions.get_mut(&id));
            if let Some(session) = session {
                session.origin.device = Some(sighting.device);
            }
            let mut others: Vec<_> = data.devices.values().copied().collect();
            others.retain(|device| device.id != sighting.device);
            others.sort_by_key(|device| (Reverse(device.last_seen_at), device.id));
            let kept = usize::try_from(most.saturating_sub(1)).unwrap();
            for device in others.iter().skip(kept) {
                data.devices.remove(&device.id);
            }
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
                let data = state.users.get_mut(&sighting.user);
                match data.and_then(|data| data.devices.get_mut(&sighting.device)) {
                    Some(device) => note(device, sighting),
                    // A forgotten device must not come back through a sighting from before, so it
                    // is reported instead.
                    None => unknown.push((sighting.user, sighting.device)),
                }
            }
            unknown
        })
    }

    async fn devices(&self, user: UserId) -> Result<Vec<Device>, StorageError> {
        let devices = self.with_user(user, |data| {
            let mut devices: Vec<_> = data.devices.values().copied().collect();
            devices.sort_by_key(|device| (Reverse(device.last_seen_at), device.id));
            devices
        })?;
        Ok(devices.unwrap_or_default())
    }

    async fn forget_device(
        &self,
        user: UserId,
        device: DeviceId,
        kept: Option<SessionId>,
    ) -> Result<bool, StorageError> {
        let forgotten = self.with_user(user, |data| {
            let forgotten = data.devices.remove(&device)?;
            let sessions = &mut data.sessions;
            sessions
                .retain(|id, session| session.origin.device != Some(device) || Some(*id) == kept);
            Some(forgotten)
        })?;
        Ok(forgotten.flatten().is_some())
    }
}

fn note(device: &mut Device, sighting: Sighting) {
    // Sightings are stored in batches by several servers, so an older one may arrive later.
    device.last_seen_at = device.last_seen_at.max(sighting.at);
    // Not the maximum: a resync starts at a lower position.
    device.position = sighting.position;
}

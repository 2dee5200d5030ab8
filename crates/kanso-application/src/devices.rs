//! Devices: the last sync of each, and the number of changes that it has not read.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kanso_domain::sync::Cursor;
use kanso_domain::{DeviceId, Seq, SessionId, UserId};

use crate::ports::clock::Clock;
use crate::ports::credentials::Identity;
use crate::ports::devices::{Device, MAX_DEVICES, Sighting};
use crate::ports::storage::Storage;
use crate::{Fault, Outcome};

/// Sightings per transaction.
const SIGHTINGS_PER_WRITE: usize = 256;

/// Largest number of devices that a process remembers, at some 64 bytes each.
///
/// Above it, all devices are dropped except those with an unstored sighting. A dropped device costs
/// one write at its next sync.
const MAX_KNOWN_DEVICES: usize = 100_000;

/// A device with the number of changes that it has not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceLag {
    /// Device.
    pub device: Device,
    /// Number of changes in the history of its user after the position that the device reported.
    pub behind: u64,
}

/// The feature: the list of devices, and their sightings.
///
/// A device that is new to this process is stored at once, so that every server lists it. Later
/// sightings are collected in memory and stored from time to time, so a sync needs no write of its
/// own. A sighting that is lost in a crash only protects the tombstones for its device a little
/// longer than needed.
#[derive(Clone)]
pub struct Devices {
    storage: Arc<dyn Storage>,
    clock: Arc<dyn Clock>,
    known: Arc<Mutex<KnownDevices>>,
    most: u32,
}

/// User and device.
type Key = (UserId, DeviceId);

/// The devices that this process knows.
#[derive(Debug, Default)]
struct KnownDevices {
    /// Devices that are stored and, as far as this process knows, were not forgotten, each with the session
    /// that names it.
    stored: BTreeMap<Key, Option<SessionId>>,
    /// Newest sighting of each known device that is not stored yet.
    unstored: BTreeMap<Key, Sighting>,
}

impl Devices {
    /// Returns the feature over its ports.
    pub fn new(storage: Arc<dyn Storage>, clock: Arc<dyn Clock>) -> Self {
        Self {
            storage,
            clock,
            known: Arc::default(),
            most: MAX_DEVICES,
        }
    }

    /// Returns the feature with another largest number of devices of an account.
    #[must_use]
    pub fn with_most(self, most: u32) -> Self {
        Self { most, ..self }
    }

    /// Records a sync of `device`, which has read up to `cursor`.
    ///
    /// If a new device cannot be stored, it stays new and is stored at its next sync. A device in another
    /// session than before counts as new: the session has to name it, so that it ends with the device.
    pub async fn record_sighting(
        &self,
        user: UserId,
        device: DeviceId,
        session: Option<SessionId>,
        cursor: Option<Cursor>,
    ) {
        // During a first pull the device holds nothing that was deleted before its start. So it
        // needs no older tombstones, even while its cursor is low.
        let position = cursor.map_or(Seq::ZERO, |cursor| cursor.first_pull.unwrap_or(cursor.seq));
        let sighting = Sighting {
            user,
            device,
            position,
            at: self.clock.now(),
            session,
        };
        if self.known().update(sighting) {
            return;
        }
        match self.storage.meet_device(sighting, self.most).await {
            Ok(()) => self.known().mark_stored((user, device), session),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "new device not stored");
            }
        }
    }

    /// Stores the collected sightings. Those that cannot be stored are kept for the next time.
    pub async fn store_sightings(&self) -> Outcome<()> {
        // Taken out before the writes: the lock is never held across an await. New sightings of the
        // same devices can arrive meanwhile.
        let gathered = std::mem::take(&mut self.known().unstored);
        let mut left: Vec<_> = gathered.into_values().collect();
        while !left.is_empty() {
            let rest = left.split_off(left.len().min(SIGHTINGS_PER_WRITE));
            let some = std::mem::replace(&mut left, rest);
            match self.storage.note_devices(some.clone()).await {
                // Another server has forgotten these devices. Each is a new device at its next
                // sync.
                Ok(unknown) => self.known().forget(&unknown),
                Err(error) => {
                    self.known().requeue(some.into_iter().chain(left));
                    return Err(error.into());
                }
            }
        }
        Ok(())
    }

    /// Returns the devices of `user`, the last seen first.
    pub async fn list(&self, user: UserId) -> Outcome<Vec<DeviceLag>> {
        // The list must show the syncs of a moment ago, not only those of the last upkeep.
        self.store_sightings().await?;
        let head = self.storage.head(user).await?.ok_or(Fault::AccountGone)?;
        let devices = self.storage.devices(user).await?.into_iter();
        let lag = |device: Device| DeviceLag {
            device,
            // Negative if the device reported a position of another epoch, such as before a
            // restore. It then counts as up to date.
            behind: u64::try_from(head.seq.get() - device.position.get()).unwrap_or_default(),
        };
        Ok(devices.map(lag).collect())
    }

    /// Forgets a device and ends its sessions, except the one of the request: a client signs itself out with
    /// a log-out. Returns `false` if there was no such device.
    ///
    /// Its tombstones need not be kept any more. Sightings from before, on this or another server,
    /// do not bring it back. At its next sync it is a new device.
    pub async fn forget(&self, who: Identity, device: DeviceId) -> Outcome<bool> {
        let Identity {
            user_id: user,
            session_id,
        } = who;
        // The storage first. If it fails, this process still knows the device, so the state here
        // and there stays the same.
        let forgetting = self.storage.forget_device(user, device, Some(session_id));
        let is_forgotten = forgetting.await?;
        self.known().forget(&[(user, device)]);
        Ok(is_forgotten)
    }

    /// Returns the number of sightings that are not stored. It is 0 after a successful
    /// [`Self::store_sightings`].
    pub fn unstored(&self) -> usize {
        self.known().unstored.len()
    }

    fn known(&self) -> MutexGuard<'_, KnownDevices> {
        // A panic cannot leave the maps inconsistent in a way that matters: at worst a sighting is
        // lost.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KnownDevices {
    /// Stores a sighting of a known device in memory. Returns `false` if the device is not known.
    fn update(&mut self, sighting: Sighting) -> bool {
        let key = (sighting.user, sighting.device);
        let named_in = self.stored.get(&key);
        let is_stored = named_in
            .is_some_and(|session| sighting.session.is_none() || *session == sighting.session);
        if is_stored {
            self.unstored.insert(key, sighting);
        }
        is_stored
    }

    fn mark_stored(&mut self, device: Key, session: Option<SessionId>) {
        if self.stored.len() >= MAX_KNOWN_DEVICES {
            let unstored = &self.unstored;
            // Those with an unstored sighting must stay: `unstored` may only contain known devices,
            // or `requeue` would lose their sightings.
            self.stored.retain(|known, _| unstored.contains_key(known));
        }
        self.stored.insert(device, session);
    }

    fn forget(&mut self, devices: &[Key]) {
        for device in devices {
            self.stored.remove(device);
            self.unstored.remove(device);
        }
    }

    /// Adds sightings again that could not be stored, unless the device has a newer one or was
    /// forgotten meanwhile.
    fn requeue(&mut self, sightings: impl Iterator<Item = Sighting>) {
        for sighting in sightings {
            let key = (sighting.user, sighting.device);
            // A device that was forgotten during the failed write must not come back.
            if self.stored.contains_key(&key) {
                self.unstored.entry(key).or_insert(sighting);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use kanso_domain::Timestamp;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn known_devices_are_bounded_and_unstored_sightings_stay() {
        let key = |number: usize| {
            let number = Uuid::from_u128(number as u128);
            (UserId::new(number), DeviceId::new(number))
        };
        let mut known = KnownDevices::default();
        known.mark_stored(key(0), None);
        let sighting = Sighting {
            user: key(0).0,
            device: key(0).1,
            position: Seq::ZERO,
            at: Timestamp::from_micros(0).expect("the epoch"),
            session: None,
        };
        assert!(known.update(sighting));
        for number in 1..=MAX_KNOWN_DEVICES {
            known.mark_stored(key(number), None);
        }
        assert_eq!(
            known.stored.len(),
            2,
            "the one with an unstored sighting, and the newest"
        );
        assert!(known.update(sighting));
        known.forget(&[key(0)]);
        known.requeue([sighting].into_iter());
        assert!(
            known.unstored.is_empty(),
            "the device was forgotten meanwhile"
        );
    }
}

//! Devices: which ones sync, when they were heard of last, and how far behind each is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kanso_domain::sync::Cursor;
use kanso_domain::{DeviceId, Seq, UserId};

use crate::ports::clock::Clock;
use crate::ports::devices::{Device, Sighting};
use crate::ports::storage::Storage;
use crate::{Fault, Outcome};

/// How many sightings are stored in one transaction.
const SIGHTINGS_PER_WRITE: usize = 256;

/// How many devices a process remembers to have met, 32 bytes each. Over it all are met anew but
/// those of which something waits, which costs each a write.
const MAX_KNOWN_DEVICES: usize = 100_000;

/// A device, and how many changes it has still to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceLag {
    /// The device.
    pub device: Device,
    /// How many changes its user's history has beyond what it said that it had read.
    pub behind: u64,
}

/// What is known of devices. A device that this process has not met is stored at once, so that
/// whoever lists devices on any server finds it. Further sightings gather here and are stored every
/// now and then, so that a sync costs no write of its own; one that is lost in a crash protects its
/// device's tombstones a little longer than it need.
#[derive(Clone)]
pub struct Devices {
    storage: Arc<dyn Storage>,
    clock: Arc<dyn Clock>,
    known: Arc<Mutex<KnownDevices>>,
}

/// Whose device, and which.
type Key = (UserId, DeviceId);

/// What this process remembers of devices.
#[derive(Debug, Default)]
struct KnownDevices {
    /// Those that were stored and, for all that is known here, not forgotten since.
    stored: BTreeSet<Key>,
    /// What they said last and is not stored. Each of them is one that was met.
    unstored: BTreeMap<Key, Sighting>,
}

impl Devices {
    /// The feature over its ports.
    pub fn new(storage: Arc<dyn Storage>, clock: Arc<dyn Clock>) -> Self {
        Self {
            storage,
            clock,
            known: Arc::default(),
        }
    }

    /// Notes that `device` was heard of and says that it has read up to `cursor`. A device that is
    /// met and cannot be stored is met again at its next sync.
    pub async fn record_sighting(&self, user: UserId, device: DeviceId, cursor: Option<Cursor>) {
        // During a first pull a device holds nothing that was deleted before that began.
        let position = cursor.map_or(Seq::ZERO, |cursor| cursor.first_pull.unwrap_or(cursor.seq));
        let sighting = Sighting {
            user,
            device,
            position,
            at: self.clock.now(),
        };
        if self.known().update(sighting) {
            return;
        }
        match self.storage.meet_device(sighting).await {
            Ok(()) => self.known().mark_stored((user, device)),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "a device that was met is not stored");
            }
        }
    }

    /// Stores what gathered since the last time. What cannot be stored gathers on.
    pub async fn store_sightings(&self) -> Outcome<()> {
        let gathered = std::mem::take(&mut self.known().unstored);
        let mut left: Vec<_> = gathered.into_values().collect();
        while !left.is_empty() {
            let rest = left.split_off(left.len().min(SIGHTINGS_PER_WRITE));
            let some = std::mem::replace(&mut left, rest);
            match self.storage.note_devices(some.clone()).await {
                // Another server forgot them. At its next sync, such a device is a new one.
                Ok(unknown) => self.known().forget(&unknown),
                Err(error) => {
                    self.known().requeue(some.into_iter().chain(left));
                    return Err(error.into());
                }
            }
        }
        Ok(())
    }

    /// The devices of `user`, the last seen first.
    pub async fn list(&self, user: UserId) -> Outcome<Vec<DeviceLag>> {
        self.store_sightings().await?;
        let head = self.storage.head(user).await?.ok_or(Fault::AccountGone)?;
        let devices = self.storage.devices(user).await?.into_iter();
        let lag = |device: Device| DeviceLag {
            device,
            behind: u64::try_from(head.seq.get() - device.position.get()).unwrap_or_default(),
        };
        Ok(devices.map(lag).collect())
    }

    /// Forgets a device: its tombstones need not be kept for it any more, and what this or another
    /// server saw of it before does not bring it back. When it syncs again it is a new one. `false`
    /// when there was none.
    pub async fn forget(&self, user: UserId, device: DeviceId) -> Outcome<bool> {
        let is_forgotten = self.storage.forget_device(user, device).await?;
        self.known().forget(&[(user, device)]);
        Ok(is_forgotten)
    }

    /// How many sightings wait to be stored: none after [`Self::store_sightings`] went well.
    pub fn unstored(&self) -> usize {
        self.known().unstored.len()
    }

    fn known(&self) -> MutexGuard<'_, KnownDevices> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KnownDevices {
    /// Notes a sighting of a device that was met; `false` when it was not.
    fn update(&mut self, sighting: Sighting) -> bool {
        let key = (sighting.user, sighting.device);
        let is_stored = self.stored.contains(&key);
        if is_stored {
            self.unstored.insert(key, sighting);
        }
        is_stored
    }

    fn mark_stored(&mut self, device: Key) {
        if self.stored.len() >= MAX_KNOWN_DEVICES {
            let unstored = &self.unstored;
            self.stored.retain(|met| unstored.contains_key(met));
        }
        self.stored.insert(device);
    }

    fn forget(&mut self, devices: &[Key]) {
        for device in devices {
            self.stored.remove(device);
            self.unstored.remove(device);
        }
    }

    /// Puts sightings back, unless there is a newer one of the same device or it was forgotten.
    fn requeue(&mut self, sightings: impl Iterator<Item = Sighting>) {
        for sighting in sightings {
            let key = (sighting.user, sighting.device);
            if self.stored.contains(&key) {
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
    fn what_is_remembered_is_bounded_and_what_waits_is_kept() {
        let key = |number: usize| {
            let number = Uuid::from_u128(number as u128);
            (UserId::new(number), DeviceId::new(number))
        };
        let mut known = KnownDevices::default();
        known.mark_stored(key(0));
        let sighting = Sighting {
            user: key(0).0,
            device: key(0).1,
            position: Seq::ZERO,
            at: Timestamp::from_micros(0).expect("the epoch"),
        };
        assert!(known.update(sighting));
        for number in 1..=MAX_KNOWN_DEVICES {
            known.mark_stored(key(number));
        }
        assert_eq!(known.stored.len(), 2, "the one that waits, and the newest");
        assert!(known.update(sighting));
        known.forget(&[key(0)]);
        known.requeue([sighting].into_iter());
        assert!(known.unstored.is_empty(), "forgotten meanwhile");
    }
}

//! Devices: which ones sync, when they were heard of last, and how far behind each is.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kanso_domain::sync::Cursor;
use kanso_domain::{DeviceId, Seq, UserId};

use crate::ports::clock::Clock;
use crate::ports::devices::{Device, Sighting};
use crate::ports::storage::Storage;
use crate::{Fault, Outcome};

/// How many sightings are stored in one transaction.
const SIGHTINGS_AT_A_TIME: usize = 256;

/// A device, and how many changes it has still to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lag {
    /// The device.
    pub device: Device,
    /// How many changes its user's history has beyond what it said that it had read.
    pub behind: u64,
}

/// What is known of devices. Sightings gather here and are stored every now and then, so that a
/// sync costs no write of its own; one that is lost in a crash protects its device's tombstones a
/// little longer than it need.
#[derive(Clone)]
pub struct Devices {
    storage: Arc<dyn Storage>,
    clock: Arc<dyn Clock>,
    seen: Arc<Mutex<BTreeMap<(UserId, DeviceId), Sighting>>>,
}

impl Devices {
    /// The feature over its ports.
    pub fn new(storage: Arc<dyn Storage>, clock: Arc<dyn Clock>) -> Self {
        Self {
            storage,
            clock,
            seen: Arc::default(),
        }
    }

    /// Notes that `device` was heard of and says that it has read up to `cursor`.
    pub fn saw(&self, user: UserId, device: DeviceId, cursor: Option<Cursor>) {
        // During a first pull a device holds nothing that was deleted before that began.
        let position = cursor.map_or(Seq::ZERO, |cursor| cursor.first_pull.unwrap_or(cursor.seq));
        let sighting = Sighting {
            user,
            device,
            position,
            at: self.clock.now(),
        };
        self.seen().insert((user, device), sighting);
    }

    /// Stores what gathered since the last time. What cannot be stored gathers on.
    pub async fn store_sightings(&self) -> Outcome<()> {
        let gathered = std::mem::take(&mut *self.seen());
        let mut left: Vec<_> = gathered.into_values().collect();
        while !left.is_empty() {
            let rest = left.split_off(left.len().min(SIGHTINGS_AT_A_TIME));
            let some = std::mem::replace(&mut left, rest);
            if let Err(error) = self.storage.note_devices(some.clone()).await {
                self.keep(some.into_iter().chain(left));
                return Err(error.into());
            }
        }
        Ok(())
    }

    /// The devices of `user`, the last seen first.
    pub async fn list(&self, user: UserId) -> Outcome<Vec<Lag>> {
        self.store_sightings().await?;
        let head = self.storage.head(user).await?.ok_or(Fault::AccountGone)?;
        let devices = self.storage.devices(user).await?.into_iter();
        let lag = |device: Device| Lag {
            device,
            behind: u64::try_from(head.seq.get() - device.position.get()).unwrap_or_default(),
        };
        Ok(devices.map(lag).collect())
    }

    /// Forgets a device: its tombstones need not be kept for it any more. When it syncs again it
    /// is a new one. `false` when there was none.
    pub async fn forget(&self, user: UserId, device: DeviceId) -> Outcome<bool> {
        self.store_sightings().await?;
        Ok(self.storage.forget_device(user, device).await?)
    }

    /// Puts sightings back, unless there is a newer one of the same device.
    fn keep(&self, sightings: impl Iterator<Item = Sighting>) {
        let mut seen = self.seen();
        for sighting in sightings {
            let key = (sighting.user, sighting.device);
            seen.entry(key).or_insert(sighting);
        }
    }

    fn seen(&self) -> MutexGuard<'_, BTreeMap<(UserId, DeviceId), Sighting>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! Which devices sync, and how far each has read.

use async_trait::async_trait;
use kanso_domain::{DeviceId, Seq, Timestamp, UserId};

use super::storage_error::StorageError;

/// A device that was heard of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// Whose it is.
    pub user: UserId,
    /// The device.
    pub device: DeviceId,
    /// What it says it has read: it needs the tombstones after this.
    pub position: Seq,
    /// When.
    pub at: Timestamp,
}

/// A device as the server knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// The device.
    pub id: DeviceId,
    /// When it was heard of first.
    pub first_seen_at: Timestamp,
    /// When it was heard of last.
    pub last_seen_at: Timestamp,
    /// What it said then that it had read.
    pub position: Seq,
}

/// The devices of every user. What is kept here protects tombstones from being purged before each
/// active device has read them, so a sighting that is lost only keeps them longer.
#[async_trait]
pub trait DeviceStore: Send + Sync {
    /// Stores the sighting of a device that may be a new one, unless its account is gone.
    async fn meet_device(&self, sighting: Sighting) -> Result<(), StorageError>;

    /// Stores sightings of devices that are stored already, in order, and tells which are not: they
    /// were forgotten, and a sighting from before does not bring them back.
    async fn note_devices(
        &self,
        sightings: Vec<Sighting>,
    ) -> Result<Vec<(UserId, DeviceId)>, StorageError>;

    /// The devices of a user, the last seen first, then by id.
    async fn devices(&self, user: UserId) -> Result<Vec<Device>, StorageError>;

    /// Forgets a device; `false` when there was none.
    async fn forget_device(&self, user: UserId, device: DeviceId) -> Result<bool, StorageError>;
}

//! The devices that sync, with the position up to which each has read.

use async_trait::async_trait;
use kanso_domain::{DeviceId, Seq, SessionId, Timestamp, UserId};

use super::storage_error::StorageError;

/// One sync of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// User of the device.
    pub user: UserId,
    /// Device.
    pub device: DeviceId,
    /// Position up to which it has read. It needs the tombstones after this.
    pub position: Seq,
    /// Time of the sync.
    pub at: Timestamp,
    /// Session of the sync.
    pub session: Option<SessionId>,
}

/// Most devices of an account, unless the operator sets another number.
pub const MAX_DEVICES: u32 = 100;

/// A device as the server stores it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// Id of the device.
    pub id: DeviceId,
    /// Time of its first sync.
    pub first_seen_at: Timestamp,
    /// Time of its last sync.
    pub last_seen_at: Timestamp,
    /// Position that it reported then.
    pub position: Seq,
}

/// The devices of all users.
///
/// A stored device keeps tombstones from being purged before it has read them. A lost sighting only
/// keeps them longer.
#[async_trait]
pub trait DeviceStore: Send + Sync {
    /// Stores the sighting of a device that may be new, unless its account is gone, and names the device
    /// in the session of the sighting.
    ///
    /// If there are more than `most` devices, it forgets those that were not seen for longest, but never this one.
    /// Their sessions stay open: each is a new device at its next sync.
    async fn meet_device(&self, sighting: Sighting, most: u32) -> Result<(), StorageError>;

    /// Stores sightings of known devices in order. Returns the devices that are not stored.
    ///
    /// Those were forgotten, and an older sighting must not bring them back.
    async fn note_devices(
        &self,
        sightings: Vec<Sighting>,
    ) -> Result<Vec<(UserId, DeviceId)>, StorageError>;

    /// Returns the devices of a user, the last seen first, then by id.
    async fn devices(&self, user: UserId) -> Result<Vec<Device>, StorageError>;

    /// Deletes a device and ends the sessions that name it, except `kept`. Returns `false` if there was
    /// no such device.
    async fn forget_device(
        &self,
        user: UserId,
        device: DeviceId,
        kept: Option<SessionId>,
    ) -> Result<bool, StorageError>;
}

//! The devices of an account.

use kanso_domain::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// The devices of the account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "devices": [{
        "id": "0198c2f4-1111-7c3a-9d2e-4f5a6b7c8d9e", "first_seen_at": "2026-11-01T08:00:00.000000Z",
        "last_seen_at": "2026-11-22T13:05:09.123456Z", "position": 8816, "behind": 0
    }]
}))]
pub struct DevicesResponse {
    /// Devices, the last seen first.
    pub devices: Vec<DeviceRecord>,
}

/// A device: one client installation that syncs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeviceRecord {
    /// The `device_id` that the device sends.
    #[serde(with = "crate::text::uuid")]
    pub id: Uuid,
    /// Time of its first sync.
    #[serde(with = "crate::text")]
    #[schema(value_type = String, format = DateTime)]
    pub first_seen_at: Timestamp,
    /// Time of its last sync.
    #[serde(with = "crate::text")]
    #[schema(value_type = String, format = DateTime)]
    pub last_seen_at: Timestamp,
    /// Position of the cursor that it sent with its last sync.
    pub position: i64,
    /// Number of changes after that position.
    // Computed when the list is read: it grows with every change and is not stored.
    pub behind: u64,
}

//! Devices on the wire.

use kanso_domain::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// The devices of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "devices": [{
        "id": "0198c2f4-1111-7c3a-9d2e-4f5a6b7c8d9e", "first_seen_at": "2026-11-01T08:00:00.000000Z",
        "last_seen_at": "2026-11-22T13:05:09.123456Z", "position": 8816, "behind": 0
    }]
}))]
pub struct DevicesResponse {
    /// The last seen first.
    pub devices: Vec<DeviceRecord>,
}

/// A device that syncs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeviceRecord {
    /// The `device_id` that it sends.
    #[serde(with = "crate::text::uuid")]
    pub id: Uuid,
    /// When it synced first.
    #[serde(with = "crate::text")]
    #[schema(value_type = String, format = DateTime)]
    pub first_seen_at: Timestamp,
    /// When it synced last.
    #[serde(with = "crate::text")]
    #[schema(value_type = String, format = DateTime)]
    pub last_seen_at: Timestamp,
    /// The position of the cursor that it sent then.
    pub position: i64,
    /// How many changes there are beyond that.
    pub behind: u64,
}

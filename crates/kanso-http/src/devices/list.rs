use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use kanso_application::devices::DeviceLag;
use kanso_protocol::devices::{DeviceRecord, DevicesResponse};

use crate::answer::json;
use crate::parts::Api;
use crate::problem::{ApiError, SIGNED_IN, problems};
use crate::request::SignedIn;

problems!(ListProblems: SIGNED_IN);

/// List the devices
///
/// Returns the devices that sync with a `device_id`: the time of their last sync and the number of
/// changes that they have not read. Tombstones are retained until every device has read them that
/// synced within the retention.
#[utoipa::path(
    get, path = "/devices", operation_id = "list_devices", tag = "sync",
    security(("bearer" = [])),
    responses((status = 200, description = "The devices.", body = DevicesResponse), ListProblems),
)]
pub(super) async fn list(
    State(api): State<Api>,
    signed_in: SignedIn,
) -> Result<Response, ApiError> {
    // Listing stores the last syncs that wait in memory, so it is a write.
    let devices = (api.devices.clone(), signed_in.user());
    let list = async move { devices.0.list(devices.1).await };
    let devices = api
        .to_completion(list)
        .await?
        .into_iter()
        .map(device_record)
        .collect();
    Ok(json(StatusCode::OK, &DevicesResponse { devices }))
}

pub(crate) fn device_record(Lag { device, behind }: Lag) -> DeviceRecord {
    DeviceRecord {
        id: device.id.uuid(),
        first_seen_at: device.first_seen_at,
        last_seen_at: device.last_seen_at,
        position: device.position.get(),
        behind,
    }
}

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
/// What syncs, when last, and how far behind it then was: those that name themselves with
/// `device_id`. Tombstones are kept until each device has read them that was seen within the
/// retention.
#[utoipa::path(
    get, path = "/devices", operation_id = "list_devices", tag = "sync",
    security(("bearer" = [])),
    responses((status = 200, description = "The devices.", body = DevicesResponse), ListProblems),
)]
pub(super) async fn list(State(api): State<Api>, who: SignedIn) -> Result<Response, ApiError> {
    let devices = (api.devices.clone(), who.user());
    let list = async move { devices.0.list(devices.1).await };
    let devices = api
        .to_completion(list)
        .await?
        .into_iter()
        .map(record)
        .collect();
    Ok(json(StatusCode::OK, &DevicesResponse { devices }))
}

pub(crate) fn record(DeviceLag { device, behind }: DeviceLag) -> DeviceRecord {
    DeviceRecord {
        id: device.id.uuid(),
        first_seen_at: device.first_seen_at,
        last_seen_at: device.last_seen_at,
        position: device.position.get(),
        behind,
    }
}

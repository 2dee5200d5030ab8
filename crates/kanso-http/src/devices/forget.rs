use axum::extract::State;
use http::StatusCode;

use crate::parts::Api;
use crate::problem::{ApiError, Code, SIGNED_IN, problems};
use crate::request::{DevicePath, FromAddress, SignedIn};

problems!(ForgetProblems: SIGNED_IN, &[Code::DeviceNotFound]);

/// Forget a device
///
/// Removes the device from the list, so tombstones are no longer retained for it. If it syncs again,
/// it is a new device, and must sync from the start if its cursor has expired. The sessions in which it
/// synced last end, except the session of this request.
#[utoipa::path(
    delete, path = "/devices/{id}", operation_id = "forget_device", tag = "sync",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "Id of the device.")),
    responses((status = 204, description = "The device is removed."), ForgetProblems),
)]
pub(super) async fn forget(
    State(api): State<Api>,
    SignedIn(identity): SignedIn,
    FromAddress(from): FromAddress,
    DevicePath(id): DevicePath,
) -> Result<StatusCode, ApiError> {
    let devices = api.devices.clone();
    let accounts = api.accounts.clone();
    // The event is part of the work that goes on if the client leaves.
    let forget = async move {
        let is_forgotten = devices.forget(identity, id).await?;
        if is_forgotten {
            accounts.record_forgotten_device(identity, from);
        }
        Ok(is_forgotten)
    };
    // 404 the second time: unlike a record, a removed device leaves no tombstone.
    if api.to_completion(forget).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Code::DeviceNotFound.into())
    }
}

use axum::extract::State;
use http::StatusCode;

use crate::parts::Api;
use crate::problem::{ApiError, Code, SIGNED_IN, problems};
use crate::request::{DevicePath, SignedIn};

problems!(ForgetProblems: SIGNED_IN, &[Code::DeviceNotFound]);

/// Forget a device
///
/// Nothing is kept for it any more. When it syncs again it is a new one, and starts anew if its
/// cursor has expired. It is not logged out.
#[utoipa::path(
    delete, path = "/devices/{id}", operation_id = "forget_device", tag = "sync",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The device.")),
    responses((status = 204, description = "The device is forgotten."), ForgetProblems),
)]
pub(super) async fn forget(
    State(api): State<Api>,
    who: SignedIn,
    DevicePath(id): DevicePath,
) -> Result<StatusCode, ApiError> {
    let (devices, user) = (api.devices.clone(), who.user());
    let forget = async move { devices.forget(user, id).await };
    if api.to_completion(forget).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Code::DeviceNotFound.into())
    }
}

use axum::response::Response;
use http::StatusCode;
use kanso_protocol::accounts::ValidateResponse;

use crate::answer::json;
use crate::problem::{SIGNED_IN, problems};
use crate::request::SignedIn;

problems!(ValidateProblems: SIGNED_IN);

/// Check the access token
///
/// Answers 200 if the access token is valid and its session is open, otherwise 401.
#[utoipa::path(
    get, path = "/auth/validate", operation_id = "validate", tag = "accounts",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The access token is valid.", body = ValidateResponse),
        ValidateProblems
    ),
)]
pub(super) async fn validate(_: SignedIn) -> Response {
    let status = "valid".to_owned();
    json(StatusCode::OK, &ValidateResponse { status })
}

use axum::extract::State;
use http::StatusCode;

use crate::parts::Api;
use crate::problem::{ApiError, SIGNED_IN, problems};
use crate::request::SignedIn;

problems!(LogoutProblems: SIGNED_IN);

/// Log out
///
/// Ends this session: its access token and its refresh token stop working at once. Other devices
/// stay logged in.
#[utoipa::path(
    post, path = "/auth/logout", operation_id = "logout", tag = "accounts",
    security(("bearer" = [])),
    responses((status = 204, description = "The session has ended."), LogoutProblems),
)]
pub(super) async fn logout(
    State(api): State<Api>,
    SignedIn(identity): SignedIn,
) -> Result<StatusCode, ApiError> {
    let accounts = api.accounts.clone();
    api.to_completion(async move { accounts.log_out(identity).await })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

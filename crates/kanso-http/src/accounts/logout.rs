use axum::extract::State;
use http::StatusCode;

use crate::parts::Api;
use crate::problem::{ApiError, SIGNED_IN, problems};
use crate::request::{FromAddress, SignedIn};

problems!(LogoutProblems: SIGNED_IN);

/// Log out
///
/// Ends this session. Its access token and its refresh token are invalid at once. Other sessions of the
/// account stay open.
#[utoipa::path(
    post, path = "/auth/logout", operation_id = "logout", tag = "accounts",
    security(("bearer" = [])),
    responses((status = 204, description = "The session has ended."), LogoutProblems),
)]
pub(super) async fn logout(
    State(api): State<Api>,
    SignedIn(identity): SignedIn,
    FromAddress(from): FromAddress,
) -> Result<StatusCode, ApiError> {
    // The session must end even if the client closes the connection right after the request.
    let accounts = api.accounts.clone();
    api.to_completion(async move { accounts.log_out(identity, from).await })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

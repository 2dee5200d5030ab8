use axum::extract::State;
use http::StatusCode;

use crate::parts::Api;
use crate::problem::{ApiError, Code, SIGNED_IN, problems};
use crate::request::{FromAddress, SessionPath, SignedIn};

problems!(EndProblems: SIGNED_IN, &[Code::SessionNotFound]);

/// End a session
///
/// Its access token and its refresh token are invalid at once. Records and devices stay.
#[utoipa::path(
    delete, path = "/auth/sessions/{id}", operation_id = "end_session", tag = "accounts",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "Id of the session.")),
    responses((status = 204, description = "The session has ended."), EndProblems),
)]
pub(super) async fn end(
    State(api): State<Api>,
    SignedIn(identity): SignedIn,
    FromAddress(from): FromAddress,
    SessionPath(id): SessionPath,
) -> Result<StatusCode, ApiError> {
    let accounts = api.accounts.clone();
    let end = async move { accounts.end_session(identity, id, from).await };
    // A session of another account is unknown here: the statement names the user.
    if api.to_completion(end).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Code::SessionNotFound.into())
    }
}

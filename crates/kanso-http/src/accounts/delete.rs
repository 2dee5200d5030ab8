use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use kanso_protocol::accounts::{MessageResponse, ReauthenticationRequest};

use super::reauthentication::{PROVEN, prove};
use crate::answer::json;
use crate::parts::Api;
use crate::problem::{ApiError, BODY, SIGNED_IN, problems};
use crate::request::{FromAddress, OptionalJsonBody, SignedIn};

problems!(DeleteProblems: SIGNED_IN, BODY, PROVEN);

/// Delete the account
///
/// Deletes the account with all of its data: habits, entries, sessions and devices. This cannot be undone.
/// The account is gone at once, and its rows are erased soon after. Send the password of the account, unless
/// this session has logged in within the last 5 minutes.
#[utoipa::path(
    delete, path = "/auth/user", operation_id = "delete_account", tag = "accounts",
    security(("bearer" = [])),
    request_body(
        content = Option<ReauthenticationRequest>,
        description = "The password of the account; it may be left out right after a log-in.",
        example = json!({"password": "correct horse battery"})
    ),
    responses(
        (status = 200, description = "The account is deleted.", body = MessageResponse),
        DeleteProblems
    ),
)]
pub(super) async fn delete(
    State(api): State<Api>,
    SignedIn(identity): SignedIn,
    FromAddress(from): FromAddress,
    OptionalJsonBody(request): OptionalJsonBody<ReauthenticationRequest>,
) -> Result<Response, ApiError> {
    prove(&api, identity, request, from).await?;
    let accounts = api.accounts.clone();
    api.to_completion(async move { accounts.delete(identity, from).await })
        .await?;
    let message = "account deleted successfully".to_owned();
    Ok(json(StatusCode::OK, &MessageResponse { message }))
}

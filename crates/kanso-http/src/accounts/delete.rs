use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use kanso_protocol::accounts::MessageResponse;

use crate::answer::json;
use crate::parts::Api;
use crate::problem::{ApiError, SIGNED_IN, problems};
use crate::request::SignedIn;

problems!(DeleteProblems: SIGNED_IN);

/// Delete the account
///
/// Deletes the account with all of its data: habits, entries, sessions and devices. This cannot be undone.
/// The account is gone at once, and its rows are erased soon after.
#[utoipa::path(
    delete, path = "/auth/user", operation_id = "delete_account", tag = "accounts",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The account is deleted.", body = MessageResponse),
        DeleteProblems
    ),
)]
pub(super) async fn delete(
    State(api): State<Api>,
    signed_in: SignedIn,
) -> Result<Response, ApiError> {
    let (accounts, user) = (api.accounts.clone(), signed_in.user());
    api.to_completion(async move { accounts.delete(user).await })
        .await?;
    let message = "account deleted successfully".to_owned();
    Ok(json(StatusCode::OK, &MessageResponse { message }))
}

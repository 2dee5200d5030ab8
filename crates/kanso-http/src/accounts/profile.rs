use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use kanso_protocol::accounts::AccountRecord;

use crate::answer::json;
use crate::parts::Api;
use crate::problem::{ApiError, SIGNED_IN, problems};
use crate::request::SignedIn;

problems!(ProfileProblems: SIGNED_IN);

/// Get the account
///
/// Returns the account and its settings.
#[utoipa::path(
    get, path = "/auth/user", operation_id = "get_account", tag = "accounts",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The account.", body = AccountRecord),
        ProfileProblems
    ),
)]
pub(super) async fn profile(
    State(api): State<Api>,
    signed_in: SignedIn,
) -> Result<Response, ApiError> {
    let account = api.accounts.get(signed_in.user()).await?;
    Ok(json(StatusCode::OK, &AccountRecord::from(&account)))
}

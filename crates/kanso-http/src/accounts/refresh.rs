use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use kanso_application::accounts::Refresh;
use kanso_application::accounts::RefreshAttempt;
use kanso_domain::FieldError;
use kanso_protocol::accounts::{RefreshRequest, TokenResponse};

use super::token_response;
use crate::answer::json;
use crate::parts::Api;
use crate::problem::{ApiError, BODY, Code, problems};
use crate::request::{FromAddress, JsonBody};

/// Longest nonce, in characters.
const MAX_NONCE: usize = 128;

problems!(RefreshProblems: BODY, &[Code::InvalidRefreshToken, Code::AccountDisabled]);

/// Refresh the tokens
///
/// Exchanges the refresh token for a new access token and the next refresh token. A retry within 60
/// seconds gets the same successor, in case the answer was lost. A later use of an old token ends the
/// session, because a copy of the token may be in other hands. If the first use had a nonce, a retry with
/// another one or without one ends the session too.
#[utoipa::path(
    post, path = "/auth/refresh", operation_id = "refresh", tag = "accounts",
    request_body(content = RefreshRequest, description = "The newest refresh token of the session."),
    responses(
        (status = 200, description = "The next tokens of the session.", body = TokenResponse),
        RefreshProblems
    ),
)]
pub(super) async fn refresh(
    State(api): State<Api>,
    FromAddress(from): FromAddress,
    JsonBody(request): JsonBody<RefreshRequest>,
) -> Result<Response, ApiError> {
    // If the connection breaks now, the successor is stored and the client retries: the same token
    // then gets the same successor (ADR 0003).
    let RefreshRequest {
        refresh_token,
        nonce,
    } = request;
    let length = nonce.as_ref().map(|nonce| nonce.chars().count());
    if length.is_some_and(|length| !(1..=MAX_NONCE).contains(&length)) {
        let error = format!("must have between 1 and {MAX_NONCE} characters");
        let error = FieldError::new("nonce", error);
        return Err(ApiError::members(Code::Invalid, &[error]));
    }
    let accounts = api.accounts.clone();
    let refresh = async move {
        let (token, nonce) = (&*refresh_token, nonce.as_deref());
        accounts
            .refresh(RefreshAttempt { token, nonce, from })
            .await
    };
    match api.to_completion(refresh).await? {
        Refresh::Granted(grant) => Ok(json(StatusCode::OK, &token_response(*grant))),
        Refresh::Refused => Err(Code::InvalidRefreshToken.into()),
        Refresh::Disabled => Err(Code::AccountDisabled.into()),
    }
}

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use kanso_application::accounts::Refresh;
use kanso_protocol::accounts::{RefreshRequest, TokenResponse};

use super::token_response;
use crate::answer::json;
use crate::parts::Api;
use crate::problem::{ApiError, BODY, Code, problems};
use crate::request::JsonBody;

problems!(RefreshProblems: BODY, &[Code::InvalidRefreshToken, Code::AccountDisabled]);

/// Refresh the tokens
///
/// Exchanges the refresh token for a new access token and the next refresh token. A retry within 60
/// seconds gets the same successor, in case the answer was lost. A later use of an old token ends the
/// session, because a copy of the token may be in other hands.
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
    JsonBody(request): JsonBody<RefreshRequest>,
) -> Result<Response, ApiError> {
    // If the connection breaks now, the successor is stored and the client retries: the same token
    // then gets the same successor (ADR 0003).
    let accounts = api.accounts.clone();
    let refresh = async move { accounts.refresh(&request.refresh_token).await };
    match api.to_completion(refresh).await? {
        Refresh::Granted(grant) => Ok(json(StatusCode::OK, &token_response(*grant))),
        Refresh::Refused => Err(Code::InvalidRefreshToken.into()),
        Refresh::Disabled => Err(Code::AccountDisabled.into()),
    }
}

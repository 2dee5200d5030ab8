use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use kanso_protocol::accounts::{RefreshRequest, TokenResponse};

use super::tokens;
use crate::answer::json;
use crate::parts::Api;
use crate::problem::{ApiError, BODY, Code, problems};
use crate::request::JsonBody;

problems!(RefreshProblems: BODY, &[Code::InvalidRefreshToken]);

/// Refresh the tokens
///
/// Uses up the refresh token and gives its successor. Asked again within 60 seconds, because the
/// answer was lost, it gives the same successor; used later still, it ends the session, because
/// two parties hold it.
#[utoipa::path(
    post, path = "/auth/refresh", operation_id = "refresh", tag = "accounts",
    request_body(content = RefreshRequest, description = "The session's newest refresh token."),
    responses(
        (status = 200, description = "The session's next tokens.", body = TokenResponse),
        RefreshProblems
    ),
)]
pub(super) async fn refresh(
    State(api): State<Api>,
    JsonBody(request): JsonBody<RefreshRequest>,
) -> Result<Response, ApiError> {
    let accounts = api.accounts.clone();
    let refresh = async move { accounts.refresh(&request.refresh_token).await };
    let grant = api
        .to_completion(refresh)
        .await?
        .ok_or(Code::InvalidRefreshToken)?;
    Ok(json(StatusCode::OK, &tokens(grant)))
}

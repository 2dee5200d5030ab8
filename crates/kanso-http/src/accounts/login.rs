use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use kanso_application::accounts::LogIn;
use kanso_domain::accounts::{Email, Password};
use kanso_protocol::accounts::{CredentialsRequest, TokenResponse};

use super::tokens;
use crate::answer::json;
use crate::parts::Api;
use crate::problem::{ApiError, BODY, Code, problems};
use crate::request::JsonBody;

problems!(LoginProblems: BODY, &[Code::InvalidCredentials, Code::LoginThrottled, Code::Busy]);

/// Log in
///
/// Opens a session of its own for this device. An unknown e-mail address looks like a wrong
/// password. After five failures in a row each further one doubles the wait, up to 15 minutes.
#[utoipa::path(
    post, path = "/auth/login", operation_id = "login", tag = "accounts",
    request_body(content = CredentialsRequest, description = "The account's log-in name and password."),
    responses(
        (status = 200, description = "The session's first tokens.", body = TokenResponse),
        LoginProblems
    ),
)]
pub(super) async fn login(
    State(api): State<Api>,
    JsonBody(request): JsonBody<CredentialsRequest>,
) -> Result<Response, ApiError> {
    // A text that cannot be a log-in name is nobody's.
    let email: Email = request
        .email
        .parse()
        .map_err(|_| Code::InvalidCredentials)?;
    let password = Password::claimed(&request.password);
    let accounts = api.accounts.clone();
    match api
        .to_completion(async move { accounts.log_in(email, password).await })
        .await?
    {
        LogIn::Granted(grant) => Ok(json(StatusCode::OK, &tokens(*grant))),
        LogIn::Refused => Err(Code::InvalidCredentials.into()),
        LogIn::Throttled { wait_seconds } => {
            Err(ApiError::from(Code::LoginThrottled).retry_after(wait_seconds))
        }
    }
}

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use kanso_application::accounts::LogIn;
use kanso_domain::accounts::{Email, Password};
use kanso_domain::sessions::Label;
use kanso_protocol::accounts::{LoginRequest, TokenResponse};

use super::token_response;
use crate::answer::json;
use crate::parts::Api;
use crate::problem::{ApiError, BODY, Code, problems};
use crate::request::{FromClient, JsonBody};

problems!(LoginProblems: BODY, &[
    Code::InvalidCredentials, Code::AccountDisabled, Code::LoginThrottled, Code::Busy,
]);

/// Log in
///
/// Opens a session for this device and returns its tokens. An unknown e-mail address and a wrong
/// password have the same answer. After five failures in a row from one address, each further failure
/// doubles the wait, up to 15 minutes. Failures from other addresses count only if there are hundreds, and
/// not for a device that sends its `device_proof`.
#[utoipa::path(
    post, path = "/auth/login", operation_id = "login", tag = "accounts",
    request_body(content = LoginRequest, description = "E-mail address and password of the account."),
    responses(
        (status = 200, description = "The first tokens of the session.", body = TokenResponse),
        LoginProblems
    ),
)]
pub(super) async fn login(
    State(api): State<Api>,
    FromClient(client): FromClient,
    JsonBody(request): JsonBody<LoginRequest>,
) -> Result<Response, ApiError> {
    // A text that is not an e-mail address has no account; 422 would help only those who guess.
    let email: Email = request
        .email
        .parse()
        .map_err(|_| Code::InvalidCredentials)?;
    let password = Password::claimed(&request.password);
    // `claimed` checks no rules: an old password may break the rules of today and is still right.
    let device_name = request.device_name.as_deref().and_then(Label::cut);
    let from = client.named(device_name, request.device_proof);
    // A log-in stores a session and a failure stores a count, so both are writes.
    let accounts = api.accounts.clone();
    match api
        .to_completion(async move { accounts.log_in(email, password, from).await })
        .await?
    {
        LogIn::Granted(grant) => Ok(json(StatusCode::OK, &token_response(*grant))),
        LogIn::Disabled => Err(Code::AccountDisabled.into()),
        LogIn::Refused => Err(Code::InvalidCredentials.into()),
        LogIn::Throttled { wait_seconds } => {
            Err(ApiError::from(Code::LoginThrottled).retry_after(wait_seconds))
        }
    }
}

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use kanso_application::accounts::LogIn;
use kanso_domain::accounts::{Email, Password};
use kanso_protocol::accounts::{CredentialsRequest, TokenResponse};

use super::token_response;
use crate::answer::json;
use crate::parts::Api;
use crate::problem::{ApiError, BODY, Code, problems};
use crate::request::{FromAddress, JsonBody};

problems!(LoginProblems: BODY, &[
    Code::InvalidCredentials, Code::AccountDisabled, Code::LoginThrottled, Code::Busy,
]);

/// Log in
///
/// Opens a session for this device and returns its tokens. An unknown e-mail address and a wrong
/// password have the same answer. After five failures in a row from one address, each further failure
/// doubles the wait, up to 15 minutes. Failures from other addresses count only if there are hundreds.
#[utoipa::path(
    post, path = "/auth/login", operation_id = "login", tag = "accounts",
    request_body(content = CredentialsRequest, description = "E-mail address and password of the account."),
    responses(
        (status = 200, description = "The first tokens of the session.", body = TokenResponse),
        LoginProblems
    ),
)]
pub(super) async fn login(
    State(api): State<Api>,
    FromAddress(address): FromAddress,
    JsonBody(request): JsonBody<CredentialsRequest>,
) -> Result<Response, ApiError> {
    // A text that is not an e-mail address has no account; 422 would help only those who guess.
    let email: Email = request
        .email
        .parse()
        .map_err(|_| Code::InvalidCredentials)?;
    let password = Password::claimed(&request.password);
    // `claimed` checks no rules: an old password may break the rules of today and is still right.
    // A log-in stores a session and a failure stores a count, so both are writes.
    let accounts = api.accounts.clone();
    match api
        .to_completion(async move { accounts.log_in(email, password, address).await })
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

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use kanso_application::accounts::Registration;
use kanso_domain::accounts::{Email, Password};
use kanso_domain::validation::Checker;
use kanso_protocol::accounts::{AccountSummary, CredentialsRequest};

use crate::answer::json;
use crate::parts::Api;
use crate::problem::{ApiError, BODY, Code, problems};
use crate::request::JsonBody;

problems!(RegisterProblems: BODY, &[Code::InvalidRegistration, Code::EmailTaken, Code::Busy]);

/// Register an account
///
/// The account has default settings. Logging in is another call.
#[utoipa::path(
    post, path = "/auth/register", operation_id = "register", tag = "accounts",
    request_body(content = CredentialsRequest, description = "The new account's log-in name and password."),
    responses(
        (status = 201, description = "The account exists.", body = AccountSummary,
            headers(("Location" = String, description = "Where the account is."))),
        RegisterProblems
    ),
)]
pub(super) async fn register(
    State(api): State<Api>,
    JsonBody(request): JsonBody<CredentialsRequest>,
) -> Result<Response, ApiError> {
    let (email, password) = chosen(&request)?;
    let accounts = api.accounts.clone();
    let register = async move { accounts.register(email, password).await };
    match api.to_completion(register).await? {
        Registration::Registered(account) => {
            let place = [(header::LOCATION, "/api/v1/auth/user")];
            let body = json(StatusCode::CREATED, &AccountSummary::from(&account));
            Ok((place, body).into_response())
        }
        Registration::EmailTaken => Err(Code::EmailTaken.into()),
    }
}

fn chosen(request: &CredentialsRequest) -> Result<(Email, Password), ApiError> {
    let mut checker = Checker::new();
    let email = checker.take("email", request.email.parse::<Email>());
    let password = checker.take("password", Password::choose(&request.password));
    email.zip(password).ok_or_else(|| {
        let invalid = checker.into_invalid("email");
        ApiError::members(Code::InvalidRegistration, invalid.errors())
    })
}

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use kanso_application::accounts::Registration;
use kanso_domain::accounts::{Email, Password};
use kanso_domain::validation::Checker;
use kanso_protocol::accounts::{AccountSummary, CredentialsRequest};

use crate::answer::json;
use crate::parts::{Api, RegistrationMode};
use crate::problem::{ApiError, BODY, Code, problems};
use crate::request::{FromAddress, JsonBody};

problems!(RegisterProblems: BODY, &[
    Code::InvalidRegistration, Code::RegistrationClosed, Code::EmailTaken, Code::Busy,
]);

/// Register an account
///
/// Creates an account with default settings. It does not log in: call `POST /auth/login` next.
#[utoipa::path(
    post, path = "/auth/register", operation_id = "register", tag = "accounts",
    request_body(content = CredentialsRequest, description = "E-mail address and password of the new account."),
    responses(
        (status = 201, description = "The account is created.", body = AccountSummary,
            headers(("Location" = String, description = "URL of the account."))),
        RegisterProblems
    ),
)]
pub(super) async fn register(
    State(api): State<Api>,
    FromAddress(from): FromAddress,
    JsonBody(request): JsonBody<CredentialsRequest>,
) -> Result<Response, ApiError> {
    // Before anything else, so that a closed server does not tell which addresses have accounts.
    if api.options().registration == RegistrationMode::Closed {
        return Err(Code::RegistrationClosed.into());
    }
    // Both members are checked before one of them is reported.
    let (email, password) = chosen(&request)?;
    let accounts = api.accounts.clone();
    let register = async move { accounts.register(email, password, from).await };
    match api.to_completion(register).await? {
        Registration::Registered(account) => {
            // The path has no id: an account can only be read by its own user.
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
    let password = checker.take(
        "password",
        Password::choose_for(&request.password, email.as_ref()),
    );
    email.zip(password).ok_or_else(|| {
        let invalid = checker.into_invalid("email");
        ApiError::members(Code::InvalidRegistration, invalid.errors())
    })
}

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use kanso_application::accounts::{Applicant, Registration};
use kanso_domain::accounts::{Email, Password};
use kanso_domain::validation::Checker;
use kanso_protocol::accounts::{AccountSummary, RegistrationRequest};

use crate::answer::json;
use crate::parts::{Api, RegistrationMode};
use crate::problem::{ApiError, BODY, Code, problems};
use crate::request::{FromAddress, IsLocal, JsonBody};

problems!(RegisterProblems: BODY, &[
    Code::InvalidRegistration, Code::RegistrationClosed, Code::InvitationRequired,
    Code::InvitationRefused, Code::EmailTaken, Code::Busy,
]);

/// Register an account
///
/// Creates an account with default settings. It does not log in: call `POST /auth/login` next.
///
/// Unless registration is open, the body needs an invitation code, which makes one account. The first account
/// of a server needs none if the request comes from the server's own machine.
#[utoipa::path(
    post, path = "/auth/register", operation_id = "register", tag = "accounts",
    request_body(content = RegistrationRequest, description = "E-mail address and password of the new account, and the invitation."),
    responses(
        (status = 201, description = "The account is created.", body = AccountSummary,
            headers(("Location" = String, description = "URL of the account."))),
        RegisterProblems
    ),
)]
pub(super) async fn register(
    State(api): State<Api>,
    IsLocal(is_local): IsLocal,
    FromAddress(from): FromAddress,
    JsonBody(request): JsonBody<RegistrationRequest>,
) -> Result<Response, ApiError> {
    // Before anything else, so that a closed server does not tell which addresses have accounts.
    if api.options().registration == RegistrationMode::Closed {
        return Err(Code::RegistrationClosed.into());
    }
    // Both members are checked before one of them is reported.
    let (email, password) = chosen(&request)?;
    let accounts = api.accounts.clone();
    let wants_invitation = api.options().registration == RegistrationMode::Invite;
    let register = async move {
        if !wants_invitation {
            return accounts.register(email, password, from).await;
        }
        let applicant = Applicant {
            email,
            password,
            code: request.invite,
            is_local,
        };
        accounts.register_invited(applicant, from).await
    };
    match api.to_completion(register).await? {
        Registration::Registered(account) => {
            // The path has no id: an account can only be read by its own user.
            let place = [(header::LOCATION, "/api/v1/auth/user")];
            let body = json(StatusCode::CREATED, &AccountSummary::from(&account));
            Ok((place, body).into_response())
        }
        Registration::EmailTaken => Err(Code::EmailTaken.into()),
        Registration::InvitationRequired => Err(Code::InvitationRequired.into()),
        Registration::InvitationRefused => Err(Code::InvitationRefused.into()),
    }
}

fn chosen(request: &RegistrationRequest) -> Result<(Email, Password), ApiError> {
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

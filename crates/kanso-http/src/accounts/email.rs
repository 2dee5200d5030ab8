use axum::extract::State;
use http::StatusCode;
use kanso_application::accounts::EmailChange;
use kanso_domain::accounts::{Email, Password};
use kanso_domain::validation::Checker;
use kanso_protocol::accounts::EmailRequest;

use crate::parts::Api;
use crate::problem::{ApiError, BODY, Code, SIGNED_IN, problems};
use crate::request::{FromAddress, JsonBody, SignedIn};

problems!(EmailProblems: SIGNED_IN, BODY, &[
    Code::WrongPassword, Code::EmailTaken, Code::LoginThrottled, Code::Busy,
]);

/// Change the e-mail address
///
/// The next log-in needs the new address; the former one is free at once. All sessions stay open, and the
/// change is among the events of the account.
#[utoipa::path(
    put, path = "/auth/email", operation_id = "change_email", tag = "accounts",
    security(("bearer" = [])),
    request_body(content = EmailRequest, description = "The new e-mail address and the password."),
    responses(
        (status = 204, description = "The e-mail address is changed."),
        EmailProblems
    ),
)]
pub(super) async fn email(
    State(api): State<Api>,
    SignedIn(identity): SignedIn,
    FromAddress(from): FromAddress,
    JsonBody(request): JsonBody<EmailRequest>,
) -> Result<StatusCode, ApiError> {
    // The address is checked first: a bad one must not count as an attempt on the password.
    let mut checker = Checker::new();
    let Some(new) = checker.take("email", request.email.parse::<Email>()) else {
        return Err(checker.into_invalid("email").into());
    };
    let password = Password::claimed(&request.password);
    let accounts = api.accounts.clone();
    let change = async move { accounts.change_email(identity, password, new, from).await };
    match api.to_completion(change).await? {
        EmailChange::Changed => Ok(StatusCode::NO_CONTENT),
        EmailChange::Taken => Err(Code::EmailTaken.into()),
        EmailChange::Refused => Err(Code::WrongPassword.into()),
        EmailChange::Throttled { wait_seconds } => {
            Err(ApiError::from(Code::LoginThrottled).retry_after(wait_seconds))
        }
    }
}

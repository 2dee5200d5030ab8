use axum::extract::State;
use http::StatusCode;
use kanso_application::accounts::PasswordChange;
use kanso_domain::accounts::Password;
use kanso_domain::validation::Checker;
use kanso_protocol::accounts::PasswordRequest;

use crate::parts::Api;
use crate::problem::{ApiError, BODY, Code, SIGNED_IN, problems};
use crate::request::{JsonBody, SignedIn};

problems!(PasswordProblems: SIGNED_IN, BODY, &[Code::WrongPassword, Code::LoginThrottled, Code::Busy]);

/// Change the password
///
/// This session goes on; all others end at once, so every other device has to log in again. The
/// same request sent again, because its answer was lost, is answered 204 too. Wrong passwords count
/// as failed log-ins.
#[utoipa::path(
    put, path = "/auth/password", operation_id = "change_password", tag = "accounts",
    security(("bearer" = [])),
    request_body(content = PasswordRequest, description = "The current password and another one."),
    responses(
        (status = 204, description = "The new password is the account's."),
        PasswordProblems
    ),
)]
pub(super) async fn password(
    State(api): State<Api>,
    SignedIn(who): SignedIn,
    JsonBody(request): JsonBody<PasswordRequest>,
) -> Result<StatusCode, ApiError> {
    let mut checker = Checker::new();
    let new = checker.take("new_password", Password::choose(&request.new_password));
    let Some(new) = new else {
        return Err(checker.into_invalid("new_password").into());
    };
    let current = Password::claimed(&request.current_password);
    let accounts = api.accounts.clone();
    let change = async move { accounts.change_password(who, current, new).await };
    match api.to_completion(change).await? {
        PasswordChange::Changed => Ok(StatusCode::NO_CONTENT),
        PasswordChange::Refused => Err(Code::WrongPassword.into()),
        PasswordChange::Throttled { wait_seconds } => {
            Err(ApiError::from(Code::LoginThrottled).retry_after(wait_seconds))
        }
    }
}

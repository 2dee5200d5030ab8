use axum::extract::State;
use http::StatusCode;
use kanso_application::accounts::PasswordChange;
use kanso_domain::accounts::Password;
use kanso_domain::validation::Checker;
use kanso_protocol::accounts::PasswordRequest;

use crate::parts::Api;
use crate::problem::{ApiError, BODY, Code, SIGNED_IN, problems};
use crate::request::{FromAddress, JsonBody, SignedIn};

problems!(PasswordProblems: SIGNED_IN, BODY, &[Code::WrongPassword, Code::LoginThrottled, Code::Busy]);

/// Change the password
///
/// Ends all other sessions of the account at once; this session stays open. A retry of the same request
/// by the same session, within ten minutes, is answered 204 too and has no further effect. After five wrong guesses of this session in a row, each
/// further one doubles the wait, up to 15 minutes. Failed log-ins do not count.
#[utoipa::path(
    put, path = "/auth/password", operation_id = "change_password", tag = "accounts",
    security(("bearer" = [])),
    request_body(content = PasswordRequest, description = "The current and the new password."),
    responses(
        (status = 204, description = "The password is changed."),
        PasswordProblems
    ),
)]
pub(super) async fn password(
    State(api): State<Api>,
    SignedIn(identity): SignedIn,
    FromAddress(from): FromAddress,
    JsonBody(request): JsonBody<PasswordRequest>,
) -> Result<StatusCode, ApiError> {
    // The new password is checked first: a bad one must not count as an attempt on the current one.
    let mut checker = Checker::new();
    let email = api.accounts.get(identity.user_id).await?.email;
    let new = Password::choose_for(&request.new_password, Some(&email));
    let new = checker.take("new_password", new);
    let Some(new) = new else {
        return Err(checker.into_invalid("new_password").into());
    };
    // `claimed` checks no rules: the current password may be older than the rules.
    let current = Password::claimed(&request.current_password);
    let accounts = api.accounts.clone();
    let change = async move { accounts.change_password(identity, current, new, from).await };
    match api.to_completion(change).await? {
        PasswordChange::Changed => Ok(StatusCode::NO_CONTENT),
        PasswordChange::Refused => Err(Code::WrongPassword.into()),
        PasswordChange::Throttled { wait_seconds } => {
            Err(ApiError::from(Code::LoginThrottled).retry_after(wait_seconds))
        }
    }
}

//! The proof that the user is present, for acts that a stolen access token must not be enough for.

use kanso_application::accounts::Reauthentication;
use kanso_application::ports::credentials::Identity;
use kanso_application::ports::limiter::ClientAddress;
use kanso_domain::accounts::Password;
use kanso_protocol::accounts::ReauthenticationRequest;

use crate::parts::Api;
use crate::problem::{ApiError, Code};

/// Problems of an operation that needs the proof.
pub(in crate::accounts) const PROVEN: &[Code] = &[
    Code::ReauthenticationRequired,
    Code::WrongPassword,
    Code::LoginThrottled,
    Code::Busy,
];

/// Succeeds if the request has the right password, or its session began within the last minutes.
pub(in crate::accounts) async fn prove(
    api: &Api,
    who: Identity,
    request: Option<ReauthenticationRequest>,
    from: ClientAddress,
) -> Result<(), ApiError> {
    let password = request.map(|request| Password::claimed(&request.password));
    let accounts = api.accounts.clone();
    // A failure stores a count, so this is a write.
    let proof = async move { accounts.reauthenticate(who, password, from).await };
    match api.to_completion(proof).await? {
        Reauthentication::Proven => Ok(()),
        Reauthentication::Required => Err(Code::ReauthenticationRequired.into()),
        Reauthentication::Refused => Err(Code::WrongPassword.into()),
        Reauthentication::Throttled { wait_seconds } => {
            Err(ApiError::from(Code::LoginThrottled).retry_after(wait_seconds))
        }
    }
}

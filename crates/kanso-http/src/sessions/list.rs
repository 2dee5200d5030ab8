use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use kanso_protocol::sessions::{OpenSession, SessionsResponse};

use crate::answer::json;
use crate::parts::Api;
use crate::problem::{ApiError, SIGNED_IN, problems};
use crate::request::SignedIn;

problems!(ListProblems: SIGNED_IN);

/// List the sessions
///
/// Returns the open sessions of the account, each with its client, its device and the time of its last
/// refresh. An account has at most 100 open sessions: a log-in beyond that ends the one that was not used
/// for longest.
#[utoipa::path(
    get, path = "/auth/sessions", operation_id = "list_sessions", tag = "accounts",
    security(("bearer" = [])),
    responses((status = 200, description = "The sessions.", body = SessionsResponse), ListProblems),
)]
pub(super) async fn list(
    State(api): State<Api>,
    SignedIn(identity): SignedIn,
) -> Result<Response, ApiError> {
    let overview = api.accounts.overview(identity.user_id).await?;
    let open = overview.sessions.iter();
    let sessions = open
        .map(|session| OpenSession::new(session, session.id == identity.session_id))
        .collect();
    Ok(json(StatusCode::OK, &SessionsResponse { sessions }))
}

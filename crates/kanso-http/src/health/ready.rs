use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use kanso_application::disk::DiskLevel;
use kanso_protocol::service::ProbeResponse;

use crate::answer::json;
use crate::parts::Api;

/// Check readiness
///
/// Answers 200 if the server accepts requests. Answers 503 while it shuts down, so that a load balancer
/// sends no new requests, and if the database does not answer.
#[utoipa::path(
    get, path = "/health/ready", operation_id = "get_readiness", tag = "server",
    responses(
        (status = 200, description = "The server accepts requests: `ok`, or `read_only` while its disk is nearly full and only reads and deletions go on.", body = ProbeResponse),
        (status = 503, description = "`draining` while the server shuts down, `unavailable` if the database does not answer.", body = ProbeResponse),
    ),
)]
pub(super) async fn ready(State(api): State<Api>) -> Response {
    // Draining is checked first: a server that stops answers at once, also without its database.
    let (code, status) = if api.draining.is_cancelled() {
        (StatusCode::SERVICE_UNAVAILABLE, "draining")
    } else if api.health.report().await.database_connected {
        // Still 200: a load balancer that took the server away would also stop reads and deletions.
        let is_full = api.disk.level() == DiskLevel::Full;
        (StatusCode::OK, if is_full { "read_only" } else { "ok" })
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
    };
    let status = status.to_owned();
    json(code, &ProbeResponse { status })
}

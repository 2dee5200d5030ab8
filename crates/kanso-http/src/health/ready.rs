use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use kanso_protocol::service::ProbeResponse;

use crate::answer::json;
use crate::parts::Api;

/// Say whether the server takes requests
///
/// 503 while it is about to stop, so that a load balancer sends nothing new, and while the
/// database does not answer.
#[utoipa::path(
    get, path = "/health/ready", operation_id = "get_readiness", tag = "server",
    responses(
        (status = 200, description = "The server takes requests.", body = ProbeResponse),
        (status = 503, description = "`draining` while the server is about to stop, `unavailable` without its database.", body = ProbeResponse),
    ),
)]
pub(super) async fn ready(State(api): State<Api>) -> Response {
    let (code, status) = if api.draining.is_cancelled() {
        (StatusCode::SERVICE_UNAVAILABLE, "draining")
    } else if api.health.report().await.database_connected {
        (StatusCode::OK, "ok")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
    };
    let status = status.to_owned();
    json(code, &ProbeResponse { status })
}

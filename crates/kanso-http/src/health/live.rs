use axum::response::Response;
use http::StatusCode;
use kanso_protocol::service::ProbeResponse;

use crate::answer::json;

/// Check liveness
///
/// Answers 200 while the process runs. It checks no dependency: a restart does not repair a database
/// that does not answer.
#[utoipa::path(
    get, path = "/health/live", operation_id = "get_liveness", tag = "server",
    responses((status = 200, description = "The process runs.", body = ProbeResponse)),
)]
pub(super) async fn live() -> Response {
    let status = "ok".to_owned();
    json(StatusCode::OK, &ProbeResponse { status })
}

use axum::response::Response;
use http::StatusCode;
use kanso_protocol::service::ProbeResponse;

use crate::answer::json;

/// Say whether the server runs
///
/// Looks at nothing else: a server whose database is away need not be restarted.
#[utoipa::path(
    get, path = "/health/live", operation_id = "get_liveness", tag = "server",
    responses((status = 200, description = "The server runs.", body = ProbeResponse)),
)]
pub(super) async fn live() -> Response {
    let status = "ok".to_owned();
    json(StatusCode::OK, &ProbeResponse { status })
}

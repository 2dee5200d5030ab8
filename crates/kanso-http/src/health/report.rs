use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use kanso_protocol::service::HealthResponse;

use crate::answer::json;
use crate::parts::Api;

/// Get the state of the server
///
/// Returns the state of the server and its dependencies, for monitoring. Answers 503 if the database
/// does not answer.
#[utoipa::path(
    get, path = "/health", operation_id = "get_health", tag = "server",
    responses(
        (status = 200, description = "The server is healthy: `status` is `ok`.", body = HealthResponse),
        (status = 503, description = "The database does not answer: `status` is `unhealthy` and `database` is `unreachable`.", body = HealthResponse),
    ),
)]
pub(super) async fn report(State(api): State<Api>) -> Response {
    let report = api.health.report().await;
    let (code, status, database) = if report.database_connected {
        (StatusCode::OK, "ok", "connected")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "unhealthy", "unreachable")
    };
    // Redis does not change the status: without it the server works on, with counts of its own.
    let redis = match report.redis_connected {
        None => "off",
        Some(true) => "connected",
        Some(false) => "unreachable",
    };
    let body = HealthResponse {
        status: status.to_owned(),
        database: database.to_owned(),
        redis: redis.to_owned(),
        disk: api.disk.level().as_str().to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        uptime: report.uptime_seconds,
        tzdb: crate::tzdb_version().to_owned(),
    };
    json(code, &body)
}

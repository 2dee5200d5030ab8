use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use kanso_protocol::service::{SyncConfigResponse, SyncRetention};

use crate::answer::json;
use crate::parts::Api;
use crate::problem::{SIGNED_IN, problems};
use crate::request::SignedIn;

problems!(ConfigProblems: SIGNED_IN);

/// Get limits and retention
///
/// Returns the supported protocol versions, the limits of requests, and the retention of results and
/// tombstones. A client reads them once before its first sync.
#[utoipa::path(
    get, path = "/sync/config", operation_id = "get_sync_config", tag = "sync",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "Limits and retention.", body = SyncConfigResponse),
        ConfigProblems
    ),
)]
pub(super) async fn config(State(api): State<Api>, _: SignedIn) -> Response {
    // The limits are constants of the protocol; only the retention is chosen by the operator.
    let retention = api.options().retention;
    let retention = SyncRetention {
        operation_results_days: retention.receipts_days,
        tombstones_days: retention.tombstones_days,
    };
    json(StatusCode::OK, &SyncConfigResponse::new(retention))
}

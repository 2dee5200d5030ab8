use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use kanso_protocol::service::{SyncConfigResponse, SyncRetention};

use crate::answer::json;
use crate::parts::Api;
use crate::problem::{SIGNED_IN, problems};
use crate::request::SignedIn;

problems!(ConfigProblems: SIGNED_IN);

/// Get the limits
///
/// The versions of the protocol that the server speaks, what a request may not exceed, and how
/// long things are kept.
#[utoipa::path(
    get, path = "/sync/config", operation_id = "get_sync_config", tag = "sync",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The limits.", body = SyncConfigResponse),
        ConfigProblems
    ),
)]
pub(super) async fn config(State(api): State<Api>, _: SignedIn) -> Response {
    let retention = api.options().retention;
    let retention = SyncRetention {
        operation_results_days: retention.receipts_days,
        tombstones_days: retention.tombstones_days,
    };
    json(StatusCode::OK, &SyncConfigResponse::new(retention))
}

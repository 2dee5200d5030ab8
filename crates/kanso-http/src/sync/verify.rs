use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use kanso_protocol::sync::{VerifyRequest, VerifyResponse};

use crate::answer::{as_it_is, json};
use crate::measure;
use crate::parts::Api;
use crate::problem::{ApiError, BODY, SIGNED_IN, problems};
use crate::request::{JsonBody, SignedIn};

problems!(VerifyProblems: SIGNED_IN, BODY);

/// Compare a replica
///
/// For a device that has read all changes and whose digest still differs from the server's. It sends
/// the digests of its 256 buckets and gets the server's records of the buckets that differ. It
/// replaces its own records of these buckets and keeps its outbox.
#[utoipa::path(
    post, path = "/sync/verify", operation_id = "verify", tag = "sync",
    security(("bearer" = [])),
    request_body(content = VerifyRequest, description = "Digests of the buckets of the replica."),
    responses(
        (status = 200, description = "The buckets that differ and their records.", body = VerifyResponse),
        VerifyProblems
    ),
)]
pub(super) async fn verify(
    State(api): State<Api>,
    signed_in: SignedIn,
    JsonBody(request): JsonBody<VerifyRequest>,
) -> Result<Response, ApiError> {
    let comparison = api
        .replicas
        .compare(signed_in.user(), request.read()?)
        .await?;
    if !comparison.differing.is_empty() {
        // A device sends this only after its digest differs, so each difference is a defect somewhere.
        measure::count_drift();
        let buckets = comparison.differing.len();
        tracing::warn!(buckets, "replica differs, sending records");
    }
    let answer = VerifyResponse::new(comparison.head, comparison.differing, &comparison.stored);
    Ok(as_it_is(json(StatusCode::OK, &answer)))
}

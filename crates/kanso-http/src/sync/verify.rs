use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use kanso_protocol::sync::{VerifyRequest, VerifyResponse};

use crate::answer::json;
use crate::measure;
use crate::parts::Api;
use crate::problem::{ApiError, BODY, SIGNED_IN, problems};
use crate::request::{JsonBody, SignedIn};

problems!(VerifyProblems: SIGNED_IN, BODY);

/// Find out where a replica differs
///
/// For a device that has read everything and whose own digest still is not the server's: it sends
/// the digests of its 256 buckets and gets the records of those that differ. It puts these in the
/// place of its own and keeps its outbox.
#[utoipa::path(
    post, path = "/sync/verify", operation_id = "verify", tag = "sync",
    security(("bearer" = [])),
    request_body(content = VerifyRequest, description = "What the replica holds."),
    responses(
        (status = 200, description = "Where it differs, and what should be there.", body = VerifyResponse),
        VerifyProblems
    ),
)]
pub(super) async fn verify(
    State(api): State<Api>,
    who: SignedIn,
    JsonBody(request): JsonBody<VerifyRequest>,
) -> Result<Response, ApiError> {
    let comparison = api.replicas.compare(who.user(), request.read()?).await?;
    if !comparison.differing.is_empty() {
        measure::drift();
        let buckets = comparison.differing.len();
        tracing::warn!(buckets, "a replica has drifted and is being put right");
    }
    let answer = VerifyResponse::new(comparison.head, comparison.differing, &comparison.stored);
    Ok(json(StatusCode::OK, &answer))
}

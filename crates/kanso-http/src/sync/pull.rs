use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use kanso_application::ports::storage::Scope;
use kanso_application::sync::Seen;
use kanso_domain::FieldError;
use kanso_protocol::sync::SyncResponse;
use kanso_protocol::{MAX_PAGE, parse_cursor};
use serde::Deserialize;

use crate::answer::json;
use crate::parts::Api;
use crate::problem::{Code, Refusal, SIGNED_IN, problems};
use crate::request::{SignedIn, StrictQuery};

problems!(PullProblems: SIGNED_IN, &[
    Code::InvalidParameter, Code::CursorMalformed, Code::EpochChanged, Code::CursorExpired,
    Code::CursorAhead,
]);

/// What to pull.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// The cursor of the last answer; left out, from the start.
    #[serde(default)]
    #[param(example = "k1_ASNFZ4mrze8AAAAAAAAicHNaYSc", max_length = 40)]
    cursor: Option<String>,
    /// The most records of this page.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1000, default = 1000, example = 1000)]
    limit: Option<String>,
}

/// Pull the delta
///
/// Each changed habit and entry once, in its newest state, in the order of `seq`. From the start,
/// tombstones are left out. While `has_more`, ask again at once with the new cursor.
#[utoipa::path(
    get, path = "/sync", operation_id = "pull", tag = "sync",
    security(("bearer" = [])), params(Parameters),
    responses(
        (status = 200, description = "What is new; `results` is empty.", body = SyncResponse),
        PullProblems
    ),
)]
pub(super) async fn pull(
    State(api): State<Api>,
    who: SignedIn,
    StrictQuery(parameters): StrictQuery<Parameters>,
) -> Result<Response, Refusal> {
    let limit = page_limit(parameters.limit.as_deref())?;
    let cursor = parameters.cursor.as_deref().map(parse_cursor).transpose();
    let cursor = cursor.map_err(|_| Code::CursorMalformed)?;
    let seen = cursor.map_or(Seen::Nothing, Seen::UpTo);
    let page = api
        .sync
        .delta(who.user(), seen, Scope::Everything, Some(limit))
        .await??;
    Ok(json(StatusCode::OK, &SyncResponse::new(Vec::new(), &page)))
}

fn page_limit(text: Option<&str>) -> Result<u32, Refusal> {
    if let Ok(limit @ 1..=MAX_PAGE) = text.map_or(Ok(MAX_PAGE), str::parse) {
        return Ok(limit);
    }
    let reason = format!("must be a number between 1 and {MAX_PAGE}");
    let error = FieldError::new("limit", reason);
    Err(Refusal::members(Code::InvalidParameter, &[error]))
}

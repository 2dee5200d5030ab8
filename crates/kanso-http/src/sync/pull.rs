use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode, header};
use kanso_application::ports::storage::Scope;
use kanso_application::sync::ReadPosition;
use kanso_domain::sync::Cursor;
use kanso_domain::{FieldError, UserId};
use kanso_protocol::MAX_PAGE;
use kanso_protocol::sync::SyncResponse;
use serde::Deserialize;

use super::cursor::{cursor, is_known, tagged};
use super::waiting::{Has, Waiting};
use crate::answer::json;
use crate::measure;
use crate::parts::Api;
use crate::problem::{ApiError, Code, SIGNED_IN, problems};
use crate::request::{SignedIn, StrictQuery};

problems!(PullProblems: SIGNED_IN, &[
    Code::InvalidParameter, Code::CursorMalformed, Code::EpochChanged, Code::CursorExpired,
    Code::CursorAhead, Code::Behind,
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
    /// How long the answer may wait until there is something new, in milliseconds.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 0, maximum = 25000, default = 0, example = 25000)]
    wait_ms: Option<String>,
    /// A position that the server must have reached before it answers, such as the `head` of a
    /// poke. It waits for that as long as `wait_ms` says.
    #[serde(default)]
    #[param(value_type = Option<i64>, minimum = 0, example = 8816)]
    min_seq: Option<String>,
}

/// Pull the delta
///
/// Each changed habit and entry once, in its newest state, in the order of `seq`. From the start,
/// tombstones are left out. While `has_more`, ask again at once with the new cursor.
///
/// With `wait_ms` the answer waits until there is something after the cursor, or nothing new came
/// for so long, which is an empty page. With `If-None-Match` it waits until there is something else
/// than the answer with that tag.
#[utoipa::path(
    get, path = "/sync", operation_id = "pull", tag = "sync",
    security(("bearer" = [])),
    params(
        Parameters,
        ("If-None-Match" = Option<String>, Header, description = "The ETag of the last answer.")
    ),
    responses(
        (status = 200, description = "What is new; `results` is empty.", body = SyncResponse,
            headers(("ETag" = String, description = "Changes with every change of the history."))),
        (status = 304, description = "Nothing has changed since the answer with that tag."),
        PullProblems
    ),
)]
pub(super) async fn pull(
    State(api): State<Api>,
    who: SignedIn,
    headers: HeaderMap,
    StrictQuery(parameters): StrictQuery<Parameters>,
) -> Result<Response, ApiError> {
    let limit = page_limit(parameters.limit.as_deref())?;
    let cursor = cursor(parameters.cursor.as_deref())?;
    let (wait_ms, min_seq) = (parameters.wait_ms.as_deref(), parameters.min_seq.as_deref());
    let waiting = Waiting::of_query(wait_ms, min_seq)?;
    let has = Has::Read(cursor, Some(&headers));
    waiting.wait(&api, who.user(), has).await?;
    if let Some(unchanged) = unchanged(&api, who.user(), cursor, &headers).await? {
        return Ok(unchanged);
    }
    let seen = cursor.map_or(ReadPosition::Beginning, ReadPosition::Cursor);
    let delta = api
        .sync
        .delta(who.user(), seen, Scope::Everything, Some(limit));
    let page = delta.await??;
    measure::page(page.records.len());
    let answer = json(StatusCode::OK, &SyncResponse::new(Vec::new(), &page));
    Ok(tagged(answer, page.head))
}

/// 304, when the caller says which answer it has and nothing has changed since. A cursor that
/// cannot be used is refused first.
async fn unchanged(
    api: &Api,
    user: UserId,
    cursor: Option<Cursor>,
    headers: &HeaderMap,
) -> Result<Option<Response>, ApiError> {
    if !headers.contains_key(header::IF_NONE_MATCH) {
        return Ok(None);
    }
    let head = api.live.head(user).await?;
    cursor.map(|cursor| cursor.since(head)).transpose()?;
    let unchanged = || tagged(StatusCode::NOT_MODIFIED.into_response(), head);
    Ok(is_known(headers, head).then(unchanged))
}

fn page_limit(text: Option<&str>) -> Result<u32, ApiError> {
    if let Ok(limit @ 1..=MAX_PAGE) = text.map_or(Ok(MAX_PAGE), str::parse) {
        return Ok(limit);
    }
    let reason = format!("must be a number between 1 and {MAX_PAGE}");
    let error = FieldError::new("limit", reason);
    Err(ApiError::members(Code::InvalidParameter, &[error]))
}

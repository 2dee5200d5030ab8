use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode, header};
use kanso_application::ports::storage::Scope;
use kanso_application::sync::{ReadPosition, Sync};
use kanso_domain::sync::{Cursor, Page};
use kanso_domain::{FieldError, UserId};
use kanso_protocol::MAX_PAGE;
use kanso_protocol::sync::SyncResponse;
use serde::Deserialize;

use super::cursor::{matches_head, optional_cursor, refused, with_head_tag};
use super::long_poll::{LongPoll, WaitFor};
use crate::answer::{as_it_is, json};
use crate::measure;
use crate::parts::Api;
use crate::problem::{ApiError, Code, SIGNED_IN, problems};
use crate::request::{SignedInAt, StrictQuery, number};

problems!(PullProblems: SIGNED_IN, &[
    Code::InvalidParameter, Code::CursorMalformed, Code::EpochChanged, Code::CursorExpired,
    Code::CursorAhead, Code::Behind,
]);

/// Parameters of a pull.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// Cursor of the last answer. If left out: sync from the start.
    #[serde(default)]
    #[param(example = "k1_ASNFZ4mrze8AAAAAAAAicHNaYSc", max_length = 40)]
    cursor: Option<String>,
    /// Maximum number of records in this page, 1 to 1000.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1000, default = 1000, example = 1000)]
    limit: Option<String>,
    /// Maximum time to wait for a change, in milliseconds, 0 to 25000.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 0, maximum = 25000, default = 0, example = 25000)]
    wait_ms: Option<String>,
    /// Position that the history must reach before the server answers, such as the `head` of an
    /// event. If it is not reached within `wait_ms`, the answer is 503 `behind`.
    #[serde(default)]
    #[param(value_type = Option<i64>, minimum = 0, example = 8816)]
    min_seq: Option<String>,
}

/// Pull changes
///
/// Returns the changes after `cursor` in the order of `seq`, each record once and in its newest state.
/// A sync from the start has no tombstones. If `has_more` is true, pull again at once with the new
/// cursor.
///
/// With `wait_ms` the request waits until there is a change after the cursor. If there is none in that
/// time, the page is empty. With `If-None-Match` it waits until the history differs from the answer
/// with that tag.
#[utoipa::path(
    get, path = "/sync", operation_id = "pull", tag = "sync",
    security(("bearer" = [])),
    params(
        Parameters,
        ("If-None-Match" = Option<String>, Header, description = "ETag of the last answer.")
    ),
    responses(
        (status = 200, description = "A page of changes; `results` is empty.", body = SyncResponse,
            headers(("ETag" = String, description = "Entity tag of the head; differs after every change of the history."))),
        (status = 304, description = "Nothing changed since the answer with that tag."),
        PullProblems
    ),
)]
pub(super) async fn pull(
    State(api): State<Api>,
    SignedInAt(signed_in, head): SignedInAt,
    headers: HeaderMap,
    StrictQuery(parameters): StrictQuery<Parameters>,
) -> Result<Response, ApiError> {
    let limit = page_limit(parameters.limit.as_deref())?;
    let cursor = optional_cursor(parameters.cursor.as_deref())?;
    let (wait_ms, min_seq) = (parameters.wait_ms.as_deref(), parameters.min_seq.as_deref());
    let long_poll = LongPoll::of_query(wait_ms, min_seq)?;
    let wait_for = WaitFor::Change(cursor, Some(&headers));
    // Most devices that ask are up to date: the check of the session has shown it.
    if long_poll.is_immediate()
        && !headers.contains_key(header::IF_NONE_MATCH)
        && let Some(page) = Sync::page_at_head(cursor, head)
    {
        return Ok(answered(&page));
    }
    long_poll.wait(&api, signed_in.user(), wait_for).await?;
    if let Some(unchanged) = unchanged(&api, signed_in.user(), cursor, &headers).await? {
        return Ok(unchanged);
    }
    // A read, so it is not spawned: if the client disconnects, nothing is lost.
    let seen = cursor.map_or(ReadPosition::Beginning, ReadPosition::Cursor);
    let delta = api
        .sync
        .delta(signed_in.user(), seen, Scope::Everything, Some(limit));
    let page = match delta.await? {
        Ok(page) => page,
        Err(refusal) => return Err(refused(&api, signed_in.user(), cursor, refusal).await),
    };
    Ok(answered(&page))
}

fn answered(page: &Page) -> Response {
    measure::record_page(page.records.len());
    let answer = json(StatusCode::OK, &SyncResponse::new(Vec::new(), page));
    // The tag is that of the page and not of a later read, which might already be newer.
    as_it_is(with_head_tag(answer, page.head))
}

/// Returns 304 if the client has the newest answer.
///
/// A cursor that cannot be used is refused first: a 304 would tell the client to keep it.
async fn unchanged(
    api: &Api,
    user: UserId,
    cursor: Option<Cursor>,
    headers: &HeaderMap,
) -> Result<Option<Response>, ApiError> {
    if !headers.contains_key(header::IF_NONE_MATCH) {
        return Ok(None);
    }
    // One row is read here instead of a page, which is the point of the entity tag.
    let head = api.live.head(user).await?;
    if let Some(Err(refusal)) = cursor.map(|cursor| cursor.since(head)) {
        return Err(refused(api, user, cursor, refusal).await);
    }
    let unchanged = || {
        as_it_is(with_head_tag(
            StatusCode::NOT_MODIFIED.into_response(),
            head,
        ))
    };
    Ok(matches_head(headers, head).then(unchanged))
}

fn page_limit(text: Option<&str>) -> Result<u32, ApiError> {
    // Parameters are texts: StrictQuery would report a number that does not parse without its range.
    if let Some(limit @ 1..=MAX_PAGE) = text.map_or(Some(MAX_PAGE), number) {
        return Ok(limit);
    }
    let reason = format!("must be a number between 1 and {MAX_PAGE}");
    let error = FieldError::new("limit", reason);
    Err(ApiError::members(Code::InvalidParameter, &[error]))
}

//! Cursors in requests, and the entity tag of a head.

use axum::response::Response;
use http::{HeaderMap, HeaderValue, header};
use kanso_domain::UserId;
use kanso_domain::sync::{Cursor, CursorRefusal, Head};
use kanso_protocol::parse_cursor;

use crate::parts::Api;
use crate::problem::{ApiError, Code};
use crate::request::has_tag;

/// Parses the cursor of a request, if it has one.
pub(super) fn optional_cursor(text: Option<&str>) -> Result<Option<Cursor>, ApiError> {
    let cursor = text.map(parse_cursor).transpose();
    cursor.map_err(|_| Code::CursorMalformed.into())
}

/// Returns the error of a refused cursor. If its history was replaced, the error has the position up to
/// which the two histories are the same.
pub(super) async fn refused(
    api: &Api,
    user: UserId,
    cursor: Option<Cursor>,
    refusal: CursorRefusal,
) -> ApiError {
    let error = ApiError::from(refusal);
    let (CursorRefusal::EpochChanged, Some(cursor)) = (refusal, cursor) else {
        return error;
    };
    match api.sync.shared_up_to(user, cursor.epoch).await {
        Ok(shared) => error.with_history_start(shared),
        Err(fault) => fault.into(),
    }
}

/// The epoch is part of the tag: after a restore the same position means another history.
fn tag(head: Head) -> String {
    format!("\"{:x}-{}\"", head.epoch.get(), head.seq.get())
}

/// Returns true if `If-None-Match` names `head`: nothing changed since the answer that the client has.
pub(super) fn matches_head(headers: &HeaderMap, head: Head) -> bool {
    // Most pulls have no tag, and then none is formatted.
    headers.contains_key(header::IF_NONE_MATCH) && has_tag(headers, &tag(head))
}

/// Adds the entity tag of `head` to an answer.
pub(super) fn with_head_tag(mut response: Response, head: Head) -> Response {
    if let Ok(tag) = HeaderValue::try_from(tag(head)) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

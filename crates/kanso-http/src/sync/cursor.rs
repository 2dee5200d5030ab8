//! How far the caller has read, and the tag of where the history stands.

use axum::response::Response;
use http::{HeaderMap, HeaderValue, header};
use kanso_domain::sync::{Cursor, Head};
use kanso_protocol::parse_cursor;

use crate::problem::{ApiError, Code};
use crate::request::has_tag;

/// The cursor that a request names, if it names one.
pub(super) fn cursor(text: Option<&str>) -> Result<Option<Cursor>, ApiError> {
    let cursor = text.map(parse_cursor).transpose();
    cursor.map_err(|_| Code::CursorMalformed.into())
}

fn tag(head: Head) -> String {
    format!("\"{:x}-{}\"", head.epoch.get(), head.seq.get())
}

/// Whether nothing has changed since the answer that the caller has.
pub(super) fn is_known(headers: &HeaderMap, head: Head) -> bool {
    headers.contains_key(header::IF_NONE_MATCH) && has_tag(headers, &tag(head))
}

/// `response`, named after where the history stood.
pub(super) fn tagged(mut response: Response, head: Head) -> Response {
    if let Ok(tag) = HeaderValue::try_from(tag(head)) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

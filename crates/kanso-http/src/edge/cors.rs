//! CORS: calls from web pages of other origins (Fetch standard §3.2).

use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderName, HeaderValue, Method, header};
use tower::{Layer as _, ServiceExt as _};
use tower_http::cors::CorsLayer;

/// Headers that a page may read. Without this list a browser shows only the seven safe-listed ones.
const EXPOSED: [&str; 13] = [
    "content-disposition",
    "etag",
    "idempotency-replayed",
    "link",
    "location",
    "retry-after",
    "ratelimit",
    "ratelimit-policy",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-request-id",
    "www-authenticate",
];

/// Headers that a page may send, apart from those that need no leave: all that a route reads.
const ALLOWED: [&str; 7] = [
    "authorization",
    "content-type",
    "idempotency-key",
    "if-match",
    "if-none-match",
    "x-request-id",
    "x-timezone",
];

/// Returns the CORS layer for exactly these origins, or `None` without origins.
///
/// Credentials are not allowed: the API has no cookies, and the header `Authorization` needs none.
pub(crate) fn cors_layer(origins: &[String]) -> Option<CorsLayer> {
    let origins: Vec<_> = origins
        .iter()
        // The configuration has checked the origins, so none is dropped here.
        .filter_map(|origin| HeaderValue::try_from(origin).ok())
        .collect();
    if origins.is_empty() {
        return None;
    }
    let layer = CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ])
        .allow_headers(ALLOWED.map(HeaderName::from_static))
        .expose_headers(EXPOSED.map(HeaderName::from_static))
        .max_age(Duration::from_mins(10));
    Some(layer)
}

/// Answers preflights and adds the CORS headers to other answers.
///
/// The layer takes every `OPTIONS` for a preflight. One that is none is a question about the methods
/// of a route, and gets the answer that it gets without CORS.
pub(crate) async fn cors(State(layer): State<CorsLayer>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let is_preflight = headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if request.method() == Method::OPTIONS && !is_preflight {
        return next.run(request).await;
    }
    match layer.layer(next).oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

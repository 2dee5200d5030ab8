//! The rate limit by client address.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderName, HeaderValue};
use kanso_application::ports::limiter::LimitState;

use super::address::client_address;
use crate::measure;
use crate::parts::Api;
use crate::problem::{ApiError, Code};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STATE: HeaderName = HeaderName::from_static("ratelimit");
const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// Counts requests under `/api/v1`, routes and others alike.
pub(crate) async fn limit(State(api): State<Api>, request: Request, next: Next) -> Response {
    let Some(limit) = api.options().rate_limit else {
        return next.run(request).await;
    };
    if !request.uri().path().starts_with("/api/v1") {
        return next.run(request).await;
    }
    let address = client_address(&request, &api.options().trusted_proxies);
    let state = api.limiter.check(address, limit).await;
    measure::limit(state.allowed);
    let mut response = if state.allowed {
        next.run(request).await
    } else {
        ApiError::from(Code::RateLimited)
            .retry_after(state.retry_after_seconds)
            .into_response()
    };
    tell(response.headers_mut(), state);
    response
}

/// The state of the limit (IETF draft-ietf-httpapi-ratelimit-headers-10 §3 and §4), and the same
/// in the older form that many clients read.
fn tell(headers: &mut HeaderMap, state: LimitState) {
    let LimitState {
        limit,
        remaining,
        reset_seconds,
        ..
    } = state;
    let policy = format!(
        "\"default\";q={};w={}",
        limit.requests, limit.window_seconds
    );
    let current = format!("\"default\";r={remaining};t={reset_seconds}");
    for (name, text) in [(POLICY, policy), (STATE, current)] {
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(name, value);
        }
    }
    headers.insert(LIMIT, limit.requests.into());
    headers.insert(REMAINING, remaining.into());
    headers.insert(RESET, reset_seconds.into());
}

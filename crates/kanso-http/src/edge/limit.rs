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

/// Limits requests under `/api/v1` and `/swagger/`, including paths without a route.
///
/// Health checks are not limited: an orchestrator behind the same address as the clients must always
/// get an answer.
pub(crate) async fn limit(State(api): State<Api>, request: Request, next: Next) -> Response {
    let Some(limit) = api.options().rate_limit else {
        return next.run(request).await;
    };
    // By path and not by route, so that guessing paths is counted too.
    let path = request.uri().path();
    if !path.starts_with("/api/v1") && !path.starts_with("/swagger/") {
        return next.run(request).await;
    }
    let proxies = &api.options().trusted_proxies;
    let address = client_address(request.extensions(), request.headers(), proxies);
    let state = api.limiter.check(address, limit).await;
    measure::count_limit_decision(state.allowed);
    let mut response = if state.allowed {
        next.run(request).await
    } else {
        ApiError::from(Code::RateLimited)
            .retry_after(state.retry_after_seconds)
            .into_response()
    };
    // Every answer has the headers, so a client can slow down before it is refused.
    add_headers(response.headers_mut(), state);
    response
}

/// Adds the state of the limit to an answer: as of draft-ietf-httpapi-ratelimit-headers-10 §3 and
/// §4, and as `X-RateLimit-*`, the older form that many clients read.
fn add_headers(headers: &mut HeaderMap, state: LimitState) {
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

//! The rate limit by client address.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use kanso_application::ports::limiter::{ClientAddress, LimitScope, LimitState, RateLimit};

use super::address::client_address;
use crate::measure;
use crate::parts::{Api, Options};
use crate::problem::{ApiError, Code};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STATE: HeaderName = HeaderName::from_static("ratelimit");
const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// Times the limit of one /64 block that a /48 block of IPv6 has.
const SITE_FACTOR: u32 = 32;

/// Limits requests under `/api/v1` and `/swagger/`, including paths without a route.
///
/// Health checks are not limited: an orchestrator behind the same address as the clients must always
/// get an answer.
///
/// Log-ins, registrations and refreshes have limits of their own besides.
pub(crate) async fn limit(State(api): State<Api>, request: Request, next: Next) -> Response {
    // By path and not by route, so that guessing paths is counted too.
    let path = request.uri().path();
    if !path.starts_with("/api/v1") && !path.starts_with("/swagger/") {
        return next.run(request).await;
    }
    let options = api.options();
    let proxies = &options.trusted_proxies;
    let address = client_address(request.extensions(), request.headers(), proxies);
    let mut state = None;
    // In this order: a request that is over one limit must not use up the next one.
    for (counted, limit) in limits(&request, options, address) {
        let counted = api.limiter.check(counted, limit).await;
        if !counted.allowed {
            measure::count_limit_decision(false);
            let mut refused = ApiError::from(Code::RateLimited)
                .retry_after(counted.retry_after_seconds)
                .into_response();
            add_headers(refused.headers_mut(), counted);
            return refused;
        }
        state = state.or(Some(counted));
    }
    let Some(state) = state else {
        return next.run(request).await;
    };
    measure::count_limit_decision(true);
    let mut response = next.run(request).await;
    // Every answer has the headers, so a client can slow down before it is refused.
    add_headers(response.headers_mut(), state);
    response
}

/// Returns the limits on a request, the one on all requests first, with the addresses that they count.
fn limits(
    request: &Request,
    options: &Options,
    address: ClientAddress,
) -> impl Iterator<Item = (ClientAddress, RateLimit)> + use<> {
    let of_all = options.rate_limit.map(|limit| (address, limit));
    let posts = request.method() == Method::POST;
    let own = options.account_limits.filter(|_| posts);
    let own = own.and_then(|own| match request.uri().path() {
        "/api/v1/auth/login" => Some(own.log_in),
        "/api/v1/auth/register" => Some(own.registration),
        "/api/v1/auth/refresh" => Some(own.refresh),
        _ => None,
    });
    // A subscriber may hold many blocks of one /48 block. A /48 block may also be many subscribers, whose
    // devices must stay signed in.
    let of_site = own.filter(|limit| limit.scope != LimitScope::Refresh);
    let of_site = of_site.zip(address.site()).map(|(limit, site)| {
        let requests = limit.requests.saturating_mul(SITE_FACTOR);
        (site, RateLimit { requests, ..limit })
    });
    let own = own.map(|limit| (address, limit));
    of_all.into_iter().chain(own).chain(of_site)
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
    let name = limit.scope.as_str();
    let policy = format!("\"{name}\";q={};w={}", limit.requests, limit.window_seconds);
    let current = format!("\"{name}\";r={remaining};t={reset_seconds}");
    for (name, text) in [(POLICY, policy), (STATE, current)] {
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(name, value);
        }
    }
    headers.insert(LIMIT, limit.requests.into());
    headers.insert(REMAINING, remaining.into());
    headers.insert(RESET, reset_seconds.into());
}

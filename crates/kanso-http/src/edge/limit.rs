//! The rate limits by client address and by user.

use std::sync::{Arc, OnceLock};

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use kanso_application::ports::limiter::{ClientAddress, LimitScope, LimitState, RateLimit};
use kanso_domain::UserId;

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
pub(crate) async fn limit(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    // By path and not by route, so that guessing paths is counted too.
    let path = request.uri().path();
    if !path.starts_with("/api/v1") && !path.starts_with("/swagger/") {
        return next.run(request).await;
    }
    let options = api.options();
    let proxies = &options.trusted_proxies;
    let address = client_address(request.extensions(), request.headers(), proxies);
    let of_user = UserCount::default();
    request.extensions_mut().insert(of_user.clone());
    let mut states = Vec::new();
    // In this order: a request that is over one limit must not use up the next one.
    for (counted, limit) in limits(&request, options, address) {
        let counted = api.limiter.check(counted.into(), limit, 1).await;
        if !counted.allowed {
            measure::count_limit_decision(false);
            let mut refused = over(counted).into_response();
            add_headers(refused.headers_mut(), &[counted]);
            return refused;
        }
        states.push(counted);
    }
    // The stricter limits of some requests are in the headers only if they refuse.
    states.truncate(1);
    let is_counted = !states.is_empty();
    let mut response = next.run(request).await;
    states.extend(of_user.0.get());
    if is_counted || states.iter().any(|state| !state.allowed) {
        measure::count_limit_decision(states.iter().all(|state| state.allowed));
    }
    // Every answer has the headers, so a client can slow down before it is refused.
    add_headers(response.headers_mut(), &states);
    response
}

/// The state of the limit of the user of a request. The limit is counted once the request is
/// authenticated, inside of this layer.
#[derive(Clone, Default)]
pub(crate) struct UserCount(Arc<OnceLock<LimitState>>);

/// Cost of a request whose answer takes the time of several others.
const HEAVY_COST: u32 = 5;

/// Counts the request with these parts against the limit of `user`. The cost follows from the route.
pub(crate) async fn count_user(api: &Api, parts: &Parts, user: UserId) -> Result<(), ApiError> {
    let Some(limit) = api.options().user_rate_limit else {
        return Ok(());
    };
    if protects_the_account(parts) {
        return Ok(());
    }
    let cost = if is_heavy(parts) { HEAVY_COST } else { 1 };
    let counted = api.limiter.check(user.into(), limit, cost).await;
    if let Some(count) = parts.extensions.get::<UserCount>() {
        // A request is authenticated once, so the cell is empty.
        let _ = count.0.set(counted);
    }
    if counted.allowed {
        Ok(())
    } else {
        Err(over(counted))
    }
}

/// Returns true for a new password, a log-out and the like. The thief of an access token could use up the
/// limit, and must not keep the user from ending the session.
fn protects_the_account(parts: &Parts) -> bool {
    let route = parts
        .extensions
        .get::<MatchedPath>()
        .map(MatchedPath::as_str);
    route.is_some_and(|route| route.starts_with("/api/v1/auth/") && !route.ends_with("/export"))
        && parts.method != Method::GET
}

fn is_heavy(parts: &Parts) -> bool {
    let route = parts.extensions.get::<MatchedPath>();
    let route = route.and_then(|route| route.as_str().strip_prefix("/api/v1"));
    let Some(route) = route else {
        return false;
    };
    let is_list = matches!(
        route,
        "/habits" | "/entries" | "/habits/sync" | "/entries/sync"
    );
    let is_whole = matches!(
        route,
        "/today" | "/auth/user/export" | "/sync/snapshot" | "/sync/verify"
    );
    (is_list && parts.method == Method::GET) || is_whole || route.starts_with("/stats/")
}

fn over(state: LimitState) -> ApiError {
    ApiError::from(Code::RateLimited).retry_after(state.retry_after_seconds)
}

/// Returns the limits on a request, the one on all requests first, with the addresses that they count.
fn limits(
    request: &Request,
    options: &Options,
    address: ClientAddress,
) -> impl Iterator<Item = (ClientAddress, RateLimit)> + use<> {
    let of_all = options.rate_limit.map(|limit| (address, limit));
    let own = options.account_limits;
    let own = own.and_then(|own| match (request.method(), request.uri().path()) {
        (&Method::POST, "/api/v1/auth/login") => Some(own.log_in),
        // Both answers say whether an address has an account.
        (&Method::POST, "/api/v1/auth/register") | (&Method::PUT, "/api/v1/auth/email") => {
            Some(own.registration)
        }
        (&Method::POST, "/api/v1/auth/refresh") => Some(own.refresh),
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

/// Adds the states of the limits to an answer: as of draft-ietf-httpapi-ratelimit-headers-10 §3 and
/// §4, and as `X-RateLimit-*`, the older form that many clients read. That form has room for one
/// limit: the one that refuses, or else the first.
fn add_headers(headers: &mut HeaderMap, states: &[LimitState]) {
    let shown = states.iter().find(|state| !state.allowed);
    let Some(shown) = shown.or(states.first()) else {
        return;
    };
    let policies = states.iter().map(|LimitState { limit, .. }| {
        let name = limit.scope.as_str();
        format!("\"{name}\";q={};w={}", limit.requests, limit.window_seconds)
    });
    let current = states.iter().map(|state| {
        let name = state.limit.scope.as_str();
        format!("\"{name}\";r={};t={}", state.remaining, state.reset_seconds)
    });
    let lists: [Vec<String>; 2] = [policies.collect(), current.collect()];
    for (name, list) in [POLICY, STATE].into_iter().zip(lists) {
        if let Ok(value) = HeaderValue::try_from(list.join(", ")) {
            headers.insert(name, value);
        }
    }
    headers.insert(LIMIT, shown.limit.requests.into());
    headers.insert(REMAINING, shown.remaining.into());
    headers.insert(RESET, shown.reset_seconds.into());
}

//! Request ids, the access log, problem bodies and the headers of every answer.

use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use tokio::time::Instant;
use tracing::{Instrument as _, Span, field};

use super::address::client_address;
use super::request_id::request_id;
use crate::measure;
use crate::parts::Api;
use crate::problem::{ApiError, Code, PendingProblem, write_problem};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Gives the request an id, writes its problem, adds the common headers and logs the answer.
pub(crate) async fn access(State(api): State<Api>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id(request.headers(), &*api.ids);
    // Everything that is needed from the request is taken here: `next` consumes it.
    let is_page = api.options().serves_swagger && request.uri().path().starts_with("/swagger/");
    let is_probe = request.uri().path().starts_with("/health");
    let span = span(&request, &id);
    let method = measure::method_label(request.method());
    // Absent for a path without a route.
    let route = request.extensions().get::<MatchedPath>().cloned();
    let proxies = &api.options().trusted_proxies;
    let client = api
        .options()
        .logs_clients
        .then(|| client_address(request.extensions(), request.headers(), proxies).network());
    let mut response = next.run(request).instrument(span.clone()).await;
    let mut code = None;
    if let Some(problem) = take_problem(&mut response) {
        code = Some(problem.code().as_str());
        measure::count_problem(problem.code().as_str());
        write_problem(&mut response, problem, &id);
    }
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::try_from(id) {
        headers.insert(REQUEST_ID, id);
    }
    add_security_headers(headers, is_page);
    let answer = AnswerLine {
        status: response.status().as_u16(),
        code,
        client: client.as_deref(),
        latency_ms: milliseconds(started.elapsed()),
    };
    answer.log(&span, is_probe);
    // The route and not the path: a label must not have one value per id.
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    measure::record_request(method, route, response.status(), started.elapsed());
    response
}

/// Returns the span of the request.
///
/// It has the route and neither the path nor the query, which may contain ids, tickets and other
/// personal data. `user_id` is set by the authentication.
fn span(request: &Request, id: &str) -> Span {
    let route = request.extensions().get::<MatchedPath>();
    tracing::info_span!(
        "request",
        method = request.method().as_str(),
        route = route.map_or("none", MatchedPath::as_str),
        request_id = id,
        user_id = field::Empty,
    )
}

/// The log line of a request.
struct AnswerLine<'a> {
    status: u16,
    /// Code of the problem.
    code: Option<&'static str>,
    /// Network of the client, if the operator wants it.
    client: Option<&'a str>,
    latency_ms: f64,
}

impl AnswerLine<'_> {
    fn log(&self, span: &Span, is_probe: bool) {
        let Self {
            status,
            code,
            client,
            latency_ms,
        } = *self;
        // An orchestrator probes every few seconds, which would bury the requests of users.
        if is_probe {
            tracing::debug!(parent: span, status, code, client, latency_ms, "request answered");
        } else {
            tracing::info!(parent: span, status, code, client, latency_ms, "request answered");
        }
    }
}

/// Returns milliseconds with whole microseconds: more digits are noise in the log.
fn milliseconds(elapsed: Duration) -> f64 {
    (elapsed.as_secs_f64() * 1e6).round() / 1e3
}

/// Takes the problem out of an answer. An error without a body becomes a problem.
///
/// axum and tower answer some errors themselves, with an empty body: a client gets a problem for
/// these too. An error that has a content type has a body of its own and is left alone.
fn take_problem(response: &mut Response) -> Option<PendingProblem> {
    if let Some(problem) = response.extensions_mut().remove::<PendingProblem>() {
        return Some(problem);
    }
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    if !is_error || response.headers().contains_key(header::CONTENT_TYPE) {
        return None;
    }
    let code = match status {
        // A handler answers an unknown record with a problem, so this 404 comes from the router.
        StatusCode::NOT_FOUND => Code::RouteNotFound,
        _ => Code::Internal,
    };
    *response = ApiError::from(code).into_response();
    response.extensions_mut().remove()
}

/// Returns the security headers of an answer that is no page and comes from no route.
pub fn security_headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    add_security_headers(&mut headers, false);
    headers
}

/// Adds the security headers for browsers (OWASP Secure Headers).
///
/// Only the Swagger page runs scripts and styles. All other answers are data: a browser that is made
/// to show one as a page must load and run nothing.
fn add_security_headers(headers: &mut HeaderMap, is_page: bool) {
    let policy = if is_page {
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
         object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    } else {
        "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"
    };
    let policy = HeaderValue::from_static(policy);
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    let nowhere = HeaderValue::from_static("no-referrer");
    headers.insert(header::REFERRER_POLICY, nowhere);
    // Answers have personal data, so no cache stores them unless the handler allows it.
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
}

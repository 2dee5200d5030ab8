//! The outermost layer: the request's id, its line in the log, and what every answer has.

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use tokio::time::Instant;
use tracing::{Instrument as _, Span, field};

use super::request_id::request_id;
use crate::measure;
use crate::parts::Api;
use crate::problem::{ApiError, Code, Unwritten, write};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Names the request, notes what became of it, writes its problem if it has one.
pub(crate) async fn access(State(api): State<Api>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id(request.headers(), &*api.ids);
    let is_page = request.uri().path().starts_with("/swagger/");
    let is_probe = request.uri().path().starts_with("/health");
    let span = span(&request, &id);
    let method = measure::method(request.method());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).instrument(span.clone()).await;
    if let Some(problem) = problem(&mut response) {
        measure::problem(problem.code().as_str());
        write(&mut response, problem, &id);
    }
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::try_from(id) {
        headers.insert(REQUEST_ID, id);
    }
    add_security_headers(headers, is_page);
    note(&span, response.status(), started, is_probe);
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    measure::request(method, route, response.status(), started.elapsed());
    response
}

/// Neither the path nor the query is named: they may hold ids and what a person looks for.
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

fn note(span: &Span, status: StatusCode, started: Instant, is_probe: bool) {
    let status = status.as_u16();
    let latency_ms = started.elapsed().as_secs_f64() * 1e3;
    let latency_ms = (latency_ms * 1e3).round() / 1e3;
    if is_probe {
        tracing::debug!(parent: span, status, latency_ms, "request answered");
    } else {
        tracing::info!(parent: span, status, latency_ms, "request answered");
    }
}

/// The problem of an answer. An error that says nothing of itself becomes one.
fn problem(response: &mut Response) -> Option<Unwritten> {
    if let Some(problem) = response.extensions_mut().remove::<Unwritten>() {
        return Some(problem);
    }
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    if !is_error || response.headers().contains_key(header::CONTENT_TYPE) {
        return None;
    }
    let code = match status {
        StatusCode::NOT_FOUND => Code::RouteNotFound,
        _ => Code::Internal,
    };
    *response = ApiError::from(code).into_response();
    response.extensions_mut().remove()
}

/// What browsers need to know (OWASP Secure Headers). The page that shows the document runs its
/// own scripts and styles; nothing else is ever to be shown as a page.
fn add_security_headers(headers: &mut HeaderMap, is_page: bool) {
    let policy = if is_page {
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    } else {
        "default-src 'none'; frame-ancestors 'none'"
    };
    let policy = HeaderValue::from_static(policy);
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    let nowhere = HeaderValue::from_static("no-referrer");
    headers.insert(header::REFERRER_POLICY, nowhere);
    if !is_page {
        headers
            .entry(header::CACHE_CONTROL)
            .or_insert(HeaderValue::from_static("no-store"));
    }
}

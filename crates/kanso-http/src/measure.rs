//! What is counted for operators. Labels are names out of the code, never anything that a caller
//! sent, so there are as many series as there are routes and codes.

use std::time::Duration;

use http::{Method, StatusCode};
use kanso_domain::sync::OperationOutcome;
use metrics::{counter, gauge, histogram};

/// A request was answered: how long its answer took to begin.
pub(crate) fn request(method: &'static str, route: &str, status: StatusCode, took: Duration) {
    let route = route.to_owned();
    let class = match status.as_u16() {
        100..200 => "1xx",
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        _ => "5xx",
    };
    let labels = [("method", method.to_owned()), ("route", route)];
    histogram!("kanso_http_request_duration_seconds", &labels).record(took);
    let [method, route] = labels;
    let labels = [method, route, ("status", class.to_owned())];
    counter!("kanso_http_requests_total", &labels).increment(1);
}

/// The methods that routes have; a caller can make up others.
pub(crate) const fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// An answer was a problem with this code.
pub(crate) fn problem(code: &'static str) {
    counter!("kanso_http_problems_total", "code" => code).increment(1);
}

/// What became of operations of an outbox.
pub(crate) fn operations(outcomes: &[OperationOutcome]) {
    for outcome in outcomes {
        let result = match outcome {
            OperationOutcome::Applied(_) => "applied",
            OperationOutcome::Merged(_) => "merged",
            OperationOutcome::Noop(_) => "noop",
            OperationOutcome::Duplicate { .. } => "duplicate",
            OperationOutcome::Conflict(_) => "conflict",
            OperationOutcome::Gone(_) | OperationOutcome::Purged(_) => "gone",
            OperationOutcome::Rejected(_) => "rejected",
            OperationOutcome::Deferred(_) => "deferred",
        };
        counter!("kanso_sync_operations_total", "result" => result).increment(1);
    }
}

/// So many records were sent in one page of a delta.
pub(crate) fn page(records: usize) {
    histogram!("kanso_sync_page_records").record(count(records));
}

/// A replica differed from what is stored.
pub(crate) fn drift() {
    counter!("kanso_replica_drifts_total").increment(1);
}

/// A device was told of a change on its event stream.
pub(crate) fn poke() {
    counter!("kanso_stream_pokes_total").increment(1);
}

/// An event stream that is open, until this is dropped.
#[derive(Debug)]
pub(crate) struct OpenStream(());

impl OpenStream {
    pub(crate) fn begin() -> Self {
        gauge!("kanso_streams_open").increment(1.0);
        Self(())
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        gauge!("kanso_streams_open").decrement(1.0);
    }
}

/// The rate limit let a request through, or did not.
pub(crate) fn limit(allowed: bool) {
    let decision = if allowed { "allowed" } else { "refused" };
    counter!("kanso_rate_limit_decisions_total", "decision" => decision).increment(1);
}

fn count(records: usize) -> f64 {
    f64::from(u32::try_from(records).unwrap_or(u32::MAX))
}

//! Metrics of the HTTP edge.
//!
//! Labels are names from the code and never text from a request: a client must not be able to create
//! series, because each one takes memory for the life of the process.

use std::time::Duration;

use http::{Method, StatusCode};
use kanso_domain::sync::{ExceededQuota, OperationOutcome};
use metrics::{counter, gauge, histogram};

/// Records an answered request and the time until its answer began.
pub(crate) fn record_request(
    method: &'static str,
    route: &str,
    status: StatusCode,
    took: Duration,
) {
    let route = route.to_owned();
    // Classes and not statuses: alerts look at the class, and there are fewer series.
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

/// Returns the label of a method. Methods without a route share one label: a client can invent any.
pub(crate) const fn method_label(method: &Method) -> &'static str {
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

/// Counts a problem by its code.
pub(crate) fn count_problem(code: &'static str) {
    counter!("kanso_http_problems_total", "code" => code).increment(1);
}

/// Counts the operations of a push by their outcome.
pub(crate) fn count_operations(outcomes: &[OperationOutcome]) {
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
            OperationOutcome::OverQuota(exceeded) => {
                count_refusal_for_quota(*exceeded);
                "over_quota"
            }
        };
        counter!("kanso_sync_operations_total", "result" => result).increment(1);
    }
}

/// Counts an operation that was refused because its account is full.
pub(crate) fn count_refusal_for_quota(exceeded: ExceededQuota) {
    counter!("kanso_quota_refusals_total", "quota" => exceeded.as_str()).increment(1);
}

/// Records the number of records in a page of a delta.
pub(crate) fn record_page(records: usize) {
    histogram!("kanso_sync_page_records").record(to_f64(records));
}

/// Counts a replica that differs from the storage.
pub(crate) fn count_drift() {
    counter!("kanso_replica_drifts_total").increment(1);
}

/// Counts a notice of a new head on an event stream.
pub(crate) fn count_notice() {
    counter!("kanso_stream_pokes_total").increment(1);
}

/// Counts an open event stream until it is dropped.
#[derive(Debug)]
pub(crate) struct OpenStream(());

impl OpenStream {
    pub(crate) fn begin() -> Self {
        gauge!("kanso_streams_open").increment(1.0);
        Self(())
    }
}

// On drop and not at the end of the stream: most streams end because the client disconnects, and then
// the body is dropped in the middle.
impl Drop for OpenStream {
    fn drop(&mut self) {
        gauge!("kanso_streams_open").decrement(1.0);
    }
}

/// Counts a decision of the rate limit.
pub(crate) fn count_limit_decision(allowed: bool) {
    let decision = if allowed { "allowed" } else { "refused" };
    counter!("kanso_rate_limit_decisions_total", "decision" => decision).increment(1);
}

fn to_f64(records: usize) -> f64 {
    f64::from(u32::try_from(records).unwrap_or(u32::MAX))
}

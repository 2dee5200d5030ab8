//! A server that is asked too often is left alone for as long as it says.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use kanso_conformance::{Wire, catalogue, run, select};

use crate::proxy::serve;

/// How a refusal of a limiter looks, with no time to wait.
fn refusal(code: &str) -> (StatusCode, [(&'static str, &'static str); 2], String) {
    let headers = [
        ("retry-after", "0"),
        ("content-type", "application/problem+json"),
    ];
    let body = format!(r#"{{"code":"{code}"}}"#);
    (StatusCode::TOO_MANY_REQUESTS, headers, body)
}

/// How often a server is asked for its health that answers thrice with this code, and then well.
async fn asked(code: &'static str) -> (u32, usize) {
    let count = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&count);
    let health = get(move || async move {
        let is_early = counted.fetch_add(1, Ordering::Relaxed) < 4;
        let well = r#"{"status":"healthy","database":"connected"}"#;
        let well = (StatusCode::OK, refusal("").1, well.to_owned());
        if is_early { refusal(code) } else { well }
    });
    let ok = || get(|| async { r#"{"status":"ok"}"# });
    let routes = Router::new()
        .route("/health", health)
        .route("/health/live", ok())
        .route("/health/ready", ok());
    let wire = Wire::to(&serve(routes).await).await.expect("a server");
    let cases = select(&catalogue(), Some("service/a_healthy_server"));
    let report = run(&wire, &cases, |_| {}).await;
    (count.load(Ordering::Relaxed), report.failed())
}

#[tokio::test]
async fn a_limited_request_is_sent_again() {
    assert_eq!(asked("rate_limited").await, (5, 0));
}

#[tokio::test]
async fn another_refusal_is_an_answer() {
    // The kit asks once whether anybody is there, and once for the case.
    assert_eq!(asked("too_many_streams").await, (2, 1));
}

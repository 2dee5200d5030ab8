//! Retries of the kit after a rate limit.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::routing::get;
use kanso_conformance::{ServerUnderTest, catalogue, run, select};

use crate::proxy::serve;
use crate::servers::kit;

/// Returns a refusal of a limiter with no time to wait.
fn refusal(code: &str) -> (StatusCode, [(&'static str, &'static str); 2], String) {
    let headers = [
        ("retry-after", "0"),
        ("content-type", "application/problem+json"),
    ];
    let body = format!(r#"{{"code":"{code}"}}"#);
    (StatusCode::TOO_MANY_REQUESTS, headers, body)
}

/// Runs a case on a server that answers four times with this code and then well. Returns the number of
/// requests and of failed cases.
async fn requests_and_failures(code: &'static str) -> (u32, usize) {
    let count = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&count);
    let health = get(move || async move {
        let is_early = counted.fetch_add(1, Ordering::Relaxed) < 4;
        let well = r#"{"status":"ok","database":"connected"}"#;
        let well = (StatusCode::OK, refusal("").1, well.to_owned());
        if is_early { refusal(code) } else { well }
    });
    let ok = || get(|| async { r#"{"status":"ok"}"# });
    let routes = Router::new()
        .route("/health", health)
        .route("/health/live", ok())
        .route("/health/ready", ok());
    let server = ServerUnderTest::connect(&serve(routes).await)
        .await
        .expect("a server");
    let cases = select(&catalogue(), Some("service/a_healthy_server"));
    let report = run(&server, &cases, |_| {}).await;
    (count.load(Ordering::Relaxed), report.failed())
}

#[tokio::test]
async fn rate_limited_request_is_retried() {
    assert_eq!(requests_and_failures("rate_limited").await, (5, 0));
}

#[tokio::test]
async fn other_refusals_are_answers() {
    // One request connects, and one belongs to the case.
    assert_eq!(requests_and_failures("too_many_streams").await, (2, 1));
}

/// Runs the program on a server whose answers have these headers. Returns its exit code and what it says.
async fn run_on(headers: &'static [(&'static str, &'static str)]) -> (Option<i32>, String) {
    let answer = move || async move {
        let mut answered = HeaderMap::new();
        for &(name, value) in headers {
            answered.insert(name, HeaderValue::from_static(value));
        }
        (StatusCode::UNAUTHORIZED, answered, "{}")
    };
    let output = kit(&[&serve(Router::new().fallback(answer)).await]).await;
    assert!(output.stdout.is_empty() || output.status.code() == Some(1));
    let log = String::from_utf8(output.stderr).expect("UTF-8");
    (output.status.code(), log)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limited_server_is_told_at_once_and_has_exit_code_3() {
    for (headers, limit) in [
        (
            &[("ratelimit-policy", "\"default\";q=100;w=60")] as &[_],
            "100 requests in 60 s",
        ),
        (&[("x-ratelimit-limit", "50")], "50 requests"),
    ] {
        let (code, log) = run_on(headers).await;
        assert_eq!(code, Some(3), "{log}");
        assert!(log.contains(limit) && log.lines().count() == 1, "{log}");
    }
    // Room for every case: they run, and fail on this server.
    let (code, log) = run_on(&[("ratelimit-policy", "\"default\";q=1000000;w=60")]).await;
    assert_eq!(code, Some(1), "{log}");
}

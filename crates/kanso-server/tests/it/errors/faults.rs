//! Responses of a server with a broken storage: they do not reveal the cause.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{Method, Request, header};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::time::Instant;
use tower::ServiceExt as _;

use crate::support::{Broken, broken_server};

/// Returns the response of a server with a broken storage: status, `Retry-After` and body.
async fn ask(broken: Broken, method: Method, path: &str) -> (u16, String, Value) {
    let (router, token, _) = broken_server(broken);
    ask_it(router, &token, method, path).await
}

async fn ask_it(router: Router, token: &str, method: Method, path: &str) -> (u16, String, Value) {
    let body = match method {
        Method::POST if path.contains("login") => {
            json!({"email": "ada@example.org", "password": "correct horse"})
        }
        Method::POST if path.ends_with("habits") => json!({"title": "Read"}),
        Method::DELETE => json!({"password": "correct horse"}),
        _ => json!({}),
    };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string()))
        .expect("a request");
    let answer = router.oneshot(request).await.expect("an answer");
    let status = answer.status().as_u16();
    let retry_after = answer.headers().get(header::RETRY_AFTER);
    let retry_after = retry_after.map_or("", |value| value.to_str().expect("ASCII"));
    let retry_after = retry_after.to_owned();
    let bytes = answer
        .into_body()
        .collect()
        .await
        .expect("a body")
        .to_bytes();
    (
        status,
        retry_after,
        serde_json::from_slice(&bytes).expect("JSON"),
    )
}

#[tokio::test(start_paused = true)]
async fn fault_is_reported_without_its_cause() {
    for (broken, status, code, retry_after) in [
        (Broken::Away, 503, "unavailable", "5"),
        (Broken::Corrupt, 500, "internal", ""),
        (Broken::Hanging, 503, "timed_out", "5"),
        (Broken::Panicking, 500, "internal", ""),
    ] {
        for (method, path) in [
            (Method::GET, "/api/v1/habits"),
            (Method::POST, "/api/v1/habits"),
            (Method::GET, "/api/v1/today"),
            (Method::GET, "/api/v1/sync"),
            (Method::POST, "/api/v1/sync"),
            (Method::POST, "/api/v1/auth/login"),
            (Method::GET, "/api/v1/auth/user"),
            (Method::DELETE, "/api/v1/auth/user"),
        ] {
            let (got, wait, problem) = ask(broken, method.clone(), path).await;
            let seen = (got, problem["code"].as_str(), &*wait);
            assert_eq!(
                seen,
                (status, Some(code), retry_after),
                "{broken:?} {method} {path}"
            );
            assert!(problem["request_id"].is_string());
            let text = problem.to_string();
            assert!(
                !text.contains("canary") && !text.contains("SELECT"),
                "{text}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn response_takes_at_most_thirty_seconds() {
    let started = Instant::now();
    ask(Broken::Hanging, Method::GET, "/api/v1/habits").await;
    assert_eq!(
        started.elapsed().as_secs(),
        Duration::from_secs(30).as_secs()
    );
}

#[tokio::test(start_paused = true)]
async fn change_completes_after_its_client_disconnected() {
    for (method, running) in [(Method::GET, 0), (Method::POST, 1)] {
        let (router, token, writes) = broken_server(Broken::Hanging);
        let asking = ask_it(router, &token, method, "/api/v1/habits");
        let gave_up = tokio::time::timeout(Duration::from_secs(1), asking).await;
        assert!(gave_up.is_err());
        assert_eq!(writes.len(), running);
    }
}

#[tokio::test]
async fn a_server_without_its_database_is_unhealthy_and_alive() {
    let (status, _, health) = ask(Broken::Away, Method::GET, "/health").await;
    let said = (&health["status"], &health["database"]);
    assert_eq!(
        (status, said),
        (503, (&json!("unhealthy"), &json!("unreachable")))
    );
    let (status, _, ready) = ask(Broken::Away, Method::GET, "/health/ready").await;
    assert_eq!((status, ready), (503, json!({"status": "unavailable"})));
    let (status, ..) = ask(Broken::Away, Method::GET, "/health/live").await;
    assert_eq!(status, 200);
}

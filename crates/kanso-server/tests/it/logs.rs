//! Log lines of requests, and data that is never logged.

use std::io;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use http::{Request, header};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use tracing_subscriber::fmt::MakeWriter;

use crate::support::{Broken, broken_server};

mod fail2ban;

/// Log lines in memory.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("not poisoned").extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn a_request_is_one_line_without_secrets_and_personal_data() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_writer(lines.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let (router, token, _) = broken_server(Broken::Away);
    let request = || {
        Request::post("/api/v1/sync?canary=canary")
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::CONTENT_TYPE, "application/json")
            .header("x-request-id", "mine")
            .body(Body::from(r#"{"cursor":"canary@example.org"}"#))
            .expect("a request")
    };
    // tracing caches at the first event of a callsite if it is enabled, possibly in
    // another test just before this subscriber existed. So emit it once and rebuild the cache.
    let first = router.clone().oneshot(request()).await;
    assert!(first.is_ok(), "{first:?}");
    tracing::callsite::rebuild_interest_cache();
    lines.0.lock().expect("not poisoned").clear();
    let answer = router.oneshot(request()).await.expect("an answer");
    assert_eq!(answer.status(), 400);
    drop(guard);

    let text = String::from_utf8(lines.0.lock().expect("not poisoned").clone()).expect("UTF-8");
    assert!(!text.contains("canary") && !text.contains(&token), "{text}");
    let answered: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .filter(|line: &Value| line["fields"]["message"] == "request answered")
        .collect();
    assert_eq!(answered.len(), 1, "{text}");
    let (fields, span) = (&answered[0]["fields"], &answered[0]["span"]);
    assert_eq!(fields["code"], "cursor_malformed");
    assert_eq!(fields.get("client"), None, "off by default");
    assert_eq!(
        (&fields["status"], fields["latency_ms"].is_number()),
        (&json!(400), true)
    );
    assert_eq!(
        (&span["method"], &span["route"]),
        (&json!("POST"), &json!("/api/v1/sync"))
    );
    assert_eq!(span["request_id"], "mine");
    assert_eq!(span["user_id"].as_str().map(str::len), Some(36));
}

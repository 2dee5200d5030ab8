//! `/health…` and `/.well-known/jwks.json`.

use std::time::Duration;

use serde_json::json;

use crate::support::App;

#[tokio::test]
async fn healthy_server_reports_healthy() {
    let app = App::start().await;
    app.clock.advance(90);
    let health = app.get("/health").await.expect(200);
    let expected = json!({
        "status": "ok", "database": "connected", "redis": "off", "disk": "enough",
        "version": env!("CARGO_PKG_VERSION"), "uptime": 90, "tzdb": health["tzdb"]
    });
    assert_eq!(health, expected);
    let tzdb = health["tzdb"].as_str().expect("a version");
    let (year, letter) = tzdb.split_at(4);
    assert!(year.parse::<u16>().is_ok() && letter.len() == 1, "{tzdb}");
    for path in ["/health/live", "/health/ready"] {
        assert_eq!(app.get(path).await.expect(200), json!({"status": "ok"}));
    }
}

#[tokio::test]
async fn a_draining_server_is_alive_but_not_ready() {
    let app = App::with(|config| config.drain_delay = Duration::from_secs(30)).await;
    app.running.shut_down();
    let answer = app.get("/health/ready").await;
    assert_eq!(answer.expect(503), json!({"status": "draining"}));
    let answer = app.get("/health/live").await;
    answer.expect(200);
    assert_eq!(answer.header("connection"), "close");
}

#[tokio::test]
async fn a_secret_key_is_not_published() {
    let app = App::start().await;
    let answer = app.get("/.well-known/jwks.json").await;
    assert_eq!(answer.expect(200), json!({"keys": []}));
    assert_eq!(answer.header("cache-control"), "public, max-age=300");
}

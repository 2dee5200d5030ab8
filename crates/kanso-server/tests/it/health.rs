//! `/health…`, `/.well-known/jwks.json` and the pages.

use std::time::Duration;

use serde_json::json;

use crate::support::{App, Document};

#[tokio::test]
async fn healthy_server_reports_healthy() {
    let app = App::start().await;
    app.clock.advance(90);
    let health = app.get("/health").await.expect(200);
    let expected = json!({
        "status": "ok", "database": "connected", "redis": "off",
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

#[tokio::test]
async fn page_shows_the_document_and_loads_nothing_external() {
    let app = App::start().await;
    for path in ["/", "/swagger", "/swagger/"] {
        let answer = app.get(path).await;
        answer.expect(307);
        assert_eq!(answer.header("location"), "/swagger/index.html");
    }
    let mut page = String::new();
    for file in ["index.html", "swagger-initializer.js"] {
        let answer = app.get(&format!("/swagger/{file}")).await;
        assert_eq!(answer.status, 200);
        assert!(
            answer
                .header("content-security-policy")
                .starts_with("default-src 'self'")
        );
        page.push_str(&String::from_utf8_lossy(&answer.body));
    }
    assert!(page.contains("/swagger/doc.json"), "{page}");
    assert!(page.contains("\"validatorUrl\": \"none\""), "{page}");
    assert!(
        !page.contains("http://") && !page.contains("https://"),
        "{page}"
    );
    for script in [
        "swagger-ui-bundle.js",
        "swagger-ui.css",
        "swagger-ui-standalone-preset.js",
    ] {
        assert_eq!(app.get(&format!("/swagger/{script}")).await.status, 200);
    }
    app.get("/swagger/nothing.js")
        .await
        .refused(404, "route_not_found");
    assert_eq!(
        app.get("/swagger/doc.json").await.expect(200),
        Document::of_the_code().0
    );
}

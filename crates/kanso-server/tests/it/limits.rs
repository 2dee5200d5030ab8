//! Rate limits, CORS, request ids, headers and compression.

use kanso_application::ports::limiter::{AccountLimits, LimitScope, RateLimit};
use kanso_server::config::Config;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, App, new_id};

fn three_a_minute(config: &mut Config) {
    config.rate_limit = Some(RateLimit::new(3, 60));
}

fn limit_headers(answer: &Answer) -> [&str; 5] {
    [
        "ratelimit-policy",
        "ratelimit",
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
    ]
    .map(|name| answer.header(name))
}

#[tokio::test]
async fn every_limited_response_reports_the_remaining_requests() {
    let app = App::with(three_a_minute).await;
    let policy = "\"default\";q=3;w=60";
    for (path, remaining, reset) in [
        ("/api/v1/habits", "2", "20"),
        ("/api/v1/nothing", "1", "40"),
        ("/api/v1/auth/validate", "0", "60"),
    ] {
        let answer = app.get(path).await;
        let state = format!("\"default\";r={remaining};t={reset}");
        assert_eq!(
            limit_headers(&answer),
            [policy, &state, "3", remaining, reset]
        );
    }
    let refused = app.get("/api/v1/habits").await;
    refused.refused(429, "rate_limited");
    assert_eq!(
        limit_headers(&refused),
        [policy, "\"default\";r=0;t=60", "3", "0", "60"]
    );
    assert_eq!(refused.header("retry-after"), "20");
}

#[tokio::test]
async fn the_servers_own_state_is_not_limited() {
    let app = App::with(three_a_minute).await;
    for _ in 0..5 {
        for path in ["/health", "/health/live", "/health/ready"] {
            let answer = app.get(path).await;
            assert_eq!((answer.status, answer.header("ratelimit")), (200, ""));
        }
    }
}

#[tokio::test]
async fn pages_are_limited_like_the_routes() {
    let app = App::with(three_a_minute).await;
    for path in ["/swagger/index.html", "/swagger/doc.json", "/api/v1/habits"] {
        let answer = app.get(path).await;
        assert_ne!(answer.header("ratelimit"), "", "{path}");
    }
    let refused = app.get("/swagger/index.html").await;
    refused.refused(429, "rate_limited");
}

/// The limit of a user, with proxies that may name any client.
fn ten_for_a_user(config: &mut Config) {
    config.user_rate_limit = Some(RateLimit {
        scope: LimitScope::User,
        ..RateLimit::new(10, 60)
    });
    config.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
}

#[tokio::test]
async fn twenty_addresses_of_a_user_have_one_limit() {
    let app = App::with(ten_for_a_user).await;
    let (user, other) = (app.user().await, app.user().await);
    let mut answered = 0;
    for number in 0..20 {
        let address = format!("198.51.100.{number}");
        let call = user.get("/sync").header("x-forwarded-for", &address);
        let answer = call.await;
        if answer.status == 200 {
            answered += 1;
            continue;
        }
        answer.refused(429, "rate_limited");
        assert_eq!(answer.header("retry-after"), "6");
        assert_eq!(
            limit_headers(&answer),
            ["\"user\";q=10;w=60", "\"user\";r=0;t=60", "10", "0", "60"]
        );
    }
    assert_eq!(answered, 10);
    other.get("/sync").await.expect(200);
    // Without an account there is nothing to count.
    assert_eq!(limit_headers(&app.get("/api/v1/habits").await), [""; 5]);
}

#[tokio::test]
async fn lists_and_statistics_cost_as_much_as_several_requests() {
    for path in ["/habits", "/entries/sync", "/today", "/stats/heatmap"] {
        let app = App::with(ten_for_a_user).await;
        let user = app.user().await;
        for remaining in ["5", "0"] {
            let answer = user.get(path).await;
            assert_eq!(answer.status, 200, "{path}");
            assert_eq!(answer.header("x-ratelimit-remaining"), remaining, "{path}");
        }
        user.get("/sync").await.refused(429, "rate_limited");
    }
}

#[tokio::test]
async fn both_limits_are_in_the_headers() {
    let app = App::with(|config| {
        ten_for_a_user(config);
        config.rate_limit = Some(RateLimit::new(100, 60));
    })
    .await;
    let user = app.user().await;
    let answer = user.get("/sync").await;
    assert_eq!(
        answer.header("ratelimit-policy"),
        "\"default\";q=100;w=60, \"user\";q=10;w=60"
    );
    assert_eq!(
        answer.header("ratelimit"),
        "\"default\";r=97;t=2, \"user\";r=9;t=6"
    );
    assert_eq!(answer.header("x-ratelimit-limit"), "100");
}

#[tokio::test]
async fn responses_without_a_limit_have_no_limit_headers() {
    let app = App::start().await;
    assert_eq!(limit_headers(&app.get("/api/v1/habits").await), [""; 5]);
}

#[tokio::test]
async fn only_a_trusted_proxy_speaks_for_its_clients() {
    for (trusted, remaining) in [("127.0.0.0/8", "2"), ("10.0.0.0/8", "0")] {
        let app = App::with(|config| {
            three_a_minute(config);
            config.trusted_proxies = vec![trusted.parse().expect("a network")];
        })
        .await;
        let mut last = String::new();
        for client in ["198.51.100.1", "203.0.113.9, 198.51.100.2", "2001:db8::1"] {
            let call = app.get("/api/v1/habits").header("x-forwarded-for", client);
            call.await
                .header("x-ratelimit-remaining")
                .clone_into(&mut last);
        }
        assert_eq!(last, remaining, "{trusted}");
        // An IPv6 subscriber is its /64 network, so the lower half of the address does not count.
        let call = app
            .get("/api/v1/habits")
            .header("x-forwarded-for", "2001:db8::ffff");
        let status = call.await.status;
        assert_eq!(status, if remaining == "2" { 401 } else { 429 });
    }
}

#[tokio::test]
async fn without_listed_origins_there_is_no_cors() {
    let app = App::start().await;
    let answer = app
        .get("/health")
        .header("origin", "https://app.example.org")
        .await;
    answer.expect(200);
    assert_eq!(answer.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn only_listed_origins_may_call() {
    let listed = "https://app.example.org";
    let app = App::with(|config| config.cors_origins = vec![listed.into()]).await;
    for (origin, allowed) in [
        (listed, listed),
        ("https://app.example.org.evil.example", ""),
        ("http://app.example.org", ""),
        ("null", ""),
    ] {
        let preflight = app
            .call(Method::OPTIONS, "/api/v1/habits/x")
            .header("origin", origin)
            .header("access-control-request-method", "PATCH")
            .header(
                "access-control-request-headers",
                "authorization,content-type,idempotency-key,if-match",
            )
            .await;
        assert_eq!(preflight.status, 200);
        assert_eq!(
            preflight.header("access-control-allow-origin"),
            allowed,
            "{origin}"
        );
        assert!(
            preflight
                .header("access-control-allow-methods")
                .contains("PATCH")
        );
        assert!(
            preflight
                .header("access-control-allow-headers")
                .split(',')
                .any(|name| name == "idempotency-key")
        );

        let answer = app.get("/api/v1/habits").header("origin", origin).await;
        answer.refused(401, "unauthorized");
        assert_eq!(
            answer.header("access-control-allow-origin"),
            allowed,
            "{origin}"
        );
        assert_eq!(answer.header("access-control-allow-credentials"), "");
        assert!(answer.header("vary").contains("origin"));
        let exposed = answer.header("access-control-expose-headers");
        for name in [
            "etag",
            "ratelimit",
            "x-ratelimit-remaining",
            "x-request-id",
            "retry-after",
            "idempotency-replayed",
            "location",
            "content-disposition",
        ] {
            assert!(exposed.split(',').any(|it| it == name), "{exposed}");
        }
    }
}

#[tokio::test]
async fn shells_of_apps_may_be_listed() {
    let listed = [
        "capacitor://localhost",
        "ionic://localhost",
        "tauri://localhost",
    ];
    let app = App::with(|config| config.cors_origins = listed.map(String::from).to_vec()).await;
    for origin in listed {
        let preflight = app
            .call(Method::OPTIONS, "/api/v1/sync")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .await;
        assert_eq!(preflight.header("access-control-allow-origin"), origin);
    }
}

/// An `OPTIONS` that is no preflight asks for the methods of a route.
#[tokio::test]
async fn only_preflights_are_answered_by_cors() {
    let origin = "https://app.example.org";
    let app = App::with(|config| config.cors_origins = vec![origin.into()]).await;
    for headers in [
        &[] as &[(&str, &str)],
        &[("origin", origin)],
        &[("access-control-request-method", "POST")],
    ] {
        let mut call = app.call(Method::OPTIONS, "/api/v1/habits");
        for (name, value) in headers {
            call = call.header(name, value);
        }
        let answer = call.await;
        answer.refused(405, "method_not_allowed");
        assert!(answer.header("allow").contains("POST"), "{answer}");
        assert_eq!(answer.header("access-control-allow-methods"), "");
    }
    let unknown = app.call(Method::OPTIONS, "/api/v1/nothing").await;
    unknown.refused(404, "route_not_found");
}

#[tokio::test]
async fn a_request_keeps_its_id_or_gets_one() {
    let app = App::start().await;
    let long = "a".repeat(64);
    for id in ["7", "trace-0198c2f4", &long] {
        let answer = app.get("/health").header("x-request-id", id).await;
        assert_eq!(answer.header("x-request-id"), id);
    }
    let too_long = "a".repeat(65);
    for id in ["", "two words", &too_long] {
        let answer = app.get("/health").header("x-request-id", id).await;
        assert_eq!(answer.header("x-request-id").len(), 36, "{id}");
    }
    let problem = app
        .get("/api/v1/habits")
        .header("x-request-id", "mine")
        .await;
    assert_eq!(problem.expect(401)["request_id"], "mine");
}

#[tokio::test]
async fn responses_forbid_caching_and_framing() {
    let app = App::start().await;
    let user = app.user().await;
    for answer in [
        user.get("/habits").await,
        user.get("/nothing").await,
        app.get("/health").await,
    ] {
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        let policy = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'";
        assert_eq!(answer.header("content-security-policy"), policy);
        assert_eq!(answer.header("strict-transport-security"), "");
    }
}

#[tokio::test]
async fn large_responses_are_compressed_for_clients_that_accept_it() {
    let app = App::start().await;
    let user = app.user().await;
    for number in 0..10 {
        user.habit(&format!("habit {number}")).await;
    }
    for (path, accepted, coding) in [
        ("/habits", "gzip, deflate, br, zstd", "zstd"),
        ("/habits", "gzip, br", "gzip"),
        ("/habits", "br", ""),
        ("/habits", "identity", ""),
        ("/habits", "zstd;q=0.5, gzip", "gzip"),
        ("/auth/validate", "gzip, zstd", ""),
    ] {
        let call = app
            .client
            .get(format!("{}{path}", user.base))
            .bearer_auth(&user.token)
            .header("accept-encoding", accepted);
        let answer = call.send().await.expect("an answer");
        let got = answer.headers().get("content-encoding");
        let got = got.map_or("", |value| value.to_str().expect("ASCII"));
        assert_eq!(got, coding, "{path} {accepted}");
    }
}

#[tokio::test]
async fn a_head_request_has_no_body() {
    let app = App::start().await;
    let user = app.user().await;
    let answer = user.call(Method::HEAD, "/habits").await;
    answer.expect(200);
    assert!(answer.body.is_empty());
    assert_eq!(answer.header("content-type"), "application/json");
    let created = user.post("/habits", &json!({"title": "Read"})).await;
    created.expect(201);
}

fn account_limits(config: &mut Config) {
    config.account_limits = Some(AccountLimits::default());
    config.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
}

async fn post_from(app: &App, address: &str, path: &str, body: &Value) -> Answer {
    let call = app.call(Method::POST, path);
    call.header("x-forwarded-for", address).json(body).await
}

#[tokio::test]
async fn one_address_makes_few_accounts() {
    let app = App::with(account_limits).await;
    let register = async |address: &str| {
        let body =
            json!({"email": format!("{}@example.org", new_id()), "password": "correct horse"});
        post_from(&app, address, "/api/v1/auth/register", &body).await
    };
    for _ in 0..5 {
        register("192.0.2.1").await.expect(201);
    }
    let refused = register("192.0.2.1").await;
    refused.refused(429, "rate_limited");
    assert_eq!(refused.header("retry-after"), "720");
    assert_eq!(
        refused.header("ratelimit-policy"),
        "\"register\";q=5;w=3600"
    );
    register("192.0.2.2").await.expect(201);
    // Other requests are not concerned.
    let health = app.get("/api/v1/sync/config").await;
    assert_eq!((health.status, health.header("ratelimit")), (401, ""));
}

/// Passwords of many accounts are tried, so no account has many failures.
#[tokio::test]
async fn one_address_tries_few_passwords_whatever_the_account() {
    let app = App::with(account_limits).await;
    let log_in = async |address: &str| {
        let body = json!({"email": format!("{}@example.org", new_id()), "password": "x"});
        post_from(&app, address, "/api/v1/auth/login", &body).await
    };
    for _ in 0..10 {
        log_in("192.0.2.1")
            .await
            .refused(401, "invalid_credentials");
    }
    log_in("192.0.2.1").await.refused(429, "rate_limited");
    // A subscriber with a /48 block of IPv6 has 65,536 blocks of the size that counts as one address.
    let mut statuses = Vec::new();
    for block in 0..400 {
        let address = format!("2001:db8:1:{block:x}::1");
        statuses.push(log_in(&address).await.status);
    }
    let admitted = statuses.iter().filter(|status| **status == 401).count();
    // Meanwhile more become allowed.
    assert!((320..390).contains(&admitted), "{admitted}");
}

#[tokio::test]
async fn one_address_uses_few_refresh_tokens() {
    let app = App::with(account_limits).await;
    let body = json!({"refresh_token": "kr1_none"});
    let mut admitted = 0;
    for _ in 0..400 {
        let answer = post_from(&app, "192.0.2.1", "/api/v1/auth/refresh", &body).await;
        admitted += u32::from(answer.status == 401);
    }
    // Meanwhile more become allowed.
    assert!((300..390).contains(&admitted), "{admitted}");
}

//! Malformed requests, and servers that cannot answer.

mod faults;

use reqwest::Method;
use serde_json::json;

use crate::support::{App, exchange, send_in_vain};

#[tokio::test]
async fn an_unknown_path_is_a_problem() {
    let app = App::start().await;
    for path in [
        "/nothing",
        "/api/v1",
        "/api/v1/nothing",
        "/api/v2/habits",
        "/api/v1/habits/",
        "/%FF",
        "/health/dead",
    ] {
        app.get(path).await.refused(404, "route_not_found");
    }
}

#[tokio::test]
async fn unsupported_method_gets_the_allowed_ones() {
    let app = App::start().await;
    for (method, path, allowed) in [
        (Method::DELETE, "/api/v1/habits", "GET,HEAD,POST"),
        (
            Method::POST,
            "/api/v1/habits/0198c2f4-8b7e-7c3a-9d2e-4f5a6b7c8d9e",
            "DELETE,GET,HEAD,PATCH,PUT",
        ),
        (Method::PUT, "/api/v1/habits/sync", "GET,HEAD"),
        (Method::GET, "/api/v1/auth/login", "POST"),
        (Method::OPTIONS, "/api/v1/habits", "GET,HEAD,POST"),
        (Method::POST, "/health", "GET,HEAD"),
        (
            Method::from_bytes(b"BREW").expect("a token"),
            "/api/v1/sync",
            "GET,HEAD,POST",
        ),
    ] {
        let answer = app.call(method.clone(), path).await;
        answer.refused(405, "method_not_allowed");
        let mut methods: Vec<_> = answer.header("allow").split(',').map(str::trim).collect();
        methods.sort_unstable();
        assert_eq!(methods.join(","), allowed, "{method} {path}");
    }
}

#[tokio::test]
async fn body_without_json_media_type_is_refused() {
    let app = App::start().await;
    let user = app.user().await;
    for (header, value, status) in [
        ("content-type", "application/json", 201),
        ("content-type", "application/json; charset=utf-8", 201),
        ("content-type", "text/plain", 415),
        ("content-type", "application/x-www-form-urlencoded", 415),
        ("content-type", "application/json; charset=utf-16", 415),
        ("accept", "*/*", 415),
    ] {
        let call = user.call(Method::POST, "/habits").header(header, value);
        let answer = call.body(r#"{"title":"x"}"#).await;
        assert_eq!(answer.status, status, "{value}: {answer}");
    }
    let call = user.post("/habits", &json!({"title": "x"}));
    call.header("content-encoding", "gzip")
        .await
        .refused(415, "unsupported_media_type");
}

#[tokio::test]
async fn hostile_body_is_a_client_error_and_never_a_500() {
    let app = App::start().await;
    let user = app.user().await;
    let deep = |depth: usize| format!("{{\"title\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    let long_key = format!("{{\"{}\":1}}", "k".repeat(100_000));
    for (body, status, code) in [
        (b"".to_vec(), 400, "malformed"),
        (b"{".to_vec(), 400, "malformed"),
        (b"null".to_vec(), 422, "invalid"),
        (b"[]".to_vec(), 422, "invalid"),
        (b"\"x\"".to_vec(), 422, "invalid"),
        (b"{\"title\":\"x\"} {}".to_vec(), 400, "malformed"),
        (b"{\"title\":\"x\",}".to_vec(), 400, "malformed"),
        (b"{'title':'x'}".to_vec(), 400, "malformed"),
        (b"{\"title\":\"\xff\xfe\"}".to_vec(), 400, "malformed"),
        (b"\xef\xbb\xbf{\"title\":\"x\"}".to_vec(), 400, "malformed"),
        (b"{\"title\":\"a\0b\"}".to_vec(), 400, "malformed"),
        (b"{\"title\":\"a\\u0000b\"}".to_vec(), 422, "invalid"),
        (b"{\"title\":\"\\ud800\"}".to_vec(), 400, "malformed"),
        (b"{\"title\":\"\\udc00\\ud800\"}".to_vec(), 400, "malformed"),
        (
            b"{\"title\":\"x\",\"target_value\":1e400}".to_vec(),
            400,
            "malformed",
        ),
        (
            b"{\"title\":\"x\",\"target_value\":NaN}".to_vec(),
            400,
            "malformed",
        ),
        (
            b"{\"title\":\"x\",\"sort_order\":1e99}".to_vec(),
            422,
            "invalid",
        ),
        (
            b"{\"title\":\"x\",\"title\":\"y\"}".to_vec(),
            422,
            "invalid",
        ),
        (
            b"{\"title\":\"x\",\"__proto__\":{}}".to_vec(),
            422,
            "invalid",
        ),
        ("[".repeat(100_000).into(), 400, "too_deep"),
        ("{\"a\":".repeat(100_000).into(), 400, "too_deep"),
        (deep(32).into(), 400, "too_deep"),
        (deep(31).into(), 422, "invalid"),
        (long_key.into(), 422, "invalid"),
        (
            format!("{{\"title\":\"{}\"}}", "x".repeat(1_000_000)).into(),
            422,
            "invalid",
        ),
    ] {
        let start = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let post = |path| {
            let call = user.call(Method::POST, path);
            call.header("content-type", "application/json")
                .body(body.clone())
        };
        let answer = post("/habits").await;
        assert_eq!(answer.status, status, "{start}: {answer}");
        answer.refused(status, code);
        // A push has other members, so it may report another error first.
        let answer = post("/sync").await;
        assert!(matches!(answer.status, 400 | 422), "{start}: {answer}");
    }
    assert_eq!(user.get("/habits").await.expect(200), json!([]));
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_before_it_is_read() {
    let app = App::start().await;
    let user = app.user().await;
    let large = vec![b' '; 3_000_000];
    let call = user
        .call(Method::POST, "/sync")
        .header("content-type", "application/json");
    let problem = call
        .body(large.clone())
        .await
        .refused(413, "body_too_large");
    assert!(
        problem["detail"]
            .as_str()
            .expect("a text")
            .contains("1048576")
    );

    let head = |more: &str| {
        format!(
            "POST /api/v1/sync HTTP/1.1\r\nhost: kanso\r\nconnection: close\r\n\
             authorization: Bearer {}\r\ncontent-type: application/json\r\n{more}\r\n\r\n",
            user.token
        )
    };
    let mut chunked = head("transfer-encoding: chunked").into_bytes();
    for chunk in large.chunks(100_000) {
        chunked.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
        chunked.extend(chunk);
        chunked.extend(b"\r\n");
    }
    chunked.extend(b"0\r\n\r\n");
    let answer = exchange(&app, &chunked).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");

    // One request with `Expect: 100-continue`, and one whose announced body is too large to discard.
    let asking = head("content-length: 3000000\r\nexpect: 100-continue");
    let answer = exchange(&app, asking.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    let announcing = head("content-length: 3000000000");
    let answer = send_in_vain(&app, announcing.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test]
async fn a_body_at_the_limit_is_read() {
    let app = App::start().await;
    let user = app.user().await;
    for (size, status) in [(1_048_576, 201), (1_048_577, 413)] {
        let mut body = br#"{"title":"x"}"#.to_vec();
        body.resize(size, b' ');
        let call = user
            .call(Method::POST, "/habits")
            .header("content-type", "application/json");
        assert_eq!(call.body(body).await.status, status);
    }
}

#[tokio::test]
async fn malformed_request_bytes_are_refused() {
    let app = App::start().await;
    for request in [
        "GET /api/v1/habits/\u{0} HTTP/1.1\r\nhost: kanso\r\n\r\n".as_bytes(),
        b"GET /\xff\xfe HTTP/1.1\r\nhost: kanso\r\nconnection: close\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ] {
        let answer = send_in_vain(&app, request).await;
        let status = answer.split(' ').nth(1).unwrap_or("none");
        assert!(
            status.starts_with('4') || status == "none" || status == "505",
            "{answer}"
        );
    }
}

#[tokio::test]
async fn request_names_its_host_once() {
    let app = App::start().await;
    for (version, host, status) in [
        ("1.1", "host: kanso\r\n", 200),
        ("1.1", "Host: kanso.example.org:8080\r\n", 200),
        ("1.1", "host: [::1]:8080\r\n", 200),
        ("1.1", "", 400),
        ("1.1", "host:\r\n", 400),
        ("1.1", "host: \r\n", 400),
        ("1.1", "host: a b\r\n", 400),
        ("1.1", "host: a/b\r\n", 400),
        ("1.1", "host: me@a\r\n", 400),
        ("1.1", "host: a:b\r\n", 400),
        ("1.1", "host: kanso\r\nhost: kanso\r\n", 400),
        ("1.1", "host: kanso\r\nHost: other\r\n", 400),
        // A client of HTTP/1.0 need not name one.
        ("1.0", "", 200),
        ("1.0", "host: kanso\r\nhost: other\r\n", 400),
    ] {
        let request = format!("GET /health HTTP/{version}\r\n{host}connection: close\r\n\r\n");
        let answer = exchange(&app, request.as_bytes()).await;
        let line = format!("HTTP/{version} {status} ");
        assert!(answer.starts_with(&line), "{request}{answer}");
        if status == 400 {
            assert!(answer.contains(r#""code":"invalid_parameter""#), "{answer}");
            assert!(answer.contains(r#""pointer":"/Host""#), "{answer}");
        }
    }
}

#[tokio::test]
async fn hostile_parameters_are_refused() {
    let app = App::start().await;
    let user = app.user().await;
    for query in [
        "/entries?habit_id=%00",
        "/entries?habit_id='%20OR%201=1--",
        "/entries?from=%FF%FE",
        "/entries?from=99999999-01-01",
        "/entries?to=-0001-01-01",
        "/entries?%FF=1",
        "/entries?=",
        "/sync?limit=99999999999999999999",
        "/sync?limit=1e3",
        "/sync?cursor=k1_AAAA&cursor=k1_AAAA",
        "/habits?archived[]=true",
    ] {
        user.get(query).await.refused(400, "invalid_parameter");
    }
}

#[tokio::test]
async fn long_unknown_name_is_cut_in_the_answer() {
    let app = App::start().await;
    for text in ["x", "/", "\u{1}"] {
        let name = text.repeat(900_000 / (json!(text).to_string().len() - 2));
        let body = json!({"email": "a@example.org", "password": "x", &name: 1});
        let answer = app.post("/api/v1/auth/login", &body).await;
        let shown = text.replace('/', "~1").repeat(64);
        answer.invalid(422, &[&format!("/{shown}…")]);
        assert!(answer.body.len() < 2_000, "{} bytes", answer.body.len());
    }
    let name = "x".repeat(4_000);
    let user = app.user().await;
    for query in [format!("{name}=1"), format!("{name}=1&{name}=2")] {
        let answer = user.get(&format!("/entries?{query}")).await;
        answer.invalid(400, &[&format!("/{}…", "x".repeat(64))]);
        assert!(answer.body.len() < 2_000, "{} bytes", answer.body.len());
    }
}

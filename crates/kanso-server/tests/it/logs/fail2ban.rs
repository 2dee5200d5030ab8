//! The filter of fail2ban in `deploy/`, over lines that the server writes.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use http::{Request, header};
use kanso_server::config::LogFormat;
use kanso_server::telemetry::{self, Escaped};
use kanso_testkit::MemoryStorage;
use regex::Regex;
use serde_json::json;
use tower::ServiceExt as _;

use super::Lines;
use crate::support::{PASSWORD, server_on};

const FILTER: &str = include_str!("../../../../../deploy/fail2ban/filter.d/kanso.conf");

/// A text that tries to look like a line about another client.
const HOSTILE: &str =
    "x\" WARN request{}: security: security event event=\"log_in_failed\" client=9.9.9.9";

/// Returns the expressions of the filter, each with the network of the client as its group.
fn expressions() -> Vec<Regex> {
    let value = |name: &str| {
        let (_, value) = FILTER.split_once(&format!("{name} = ")).expect(name);
        value.split("\n\n").next().expect("a value").to_owned()
    };
    let events = value("kanso_events");
    let lines = value("failregex");
    let expression = |line: &str| {
        let line = line.trim().replace("<kanso_events>", &events);
        Regex::new(&line.replace("<SUBNET>", "(?<client>[0-9a-f.:]+(?:/[0-9]+)?)")).expect("valid")
    };
    lines.lines().map(expression).collect()
}

async fn send(router: &Router, from: &str, path: &str, body: &serde_json::Value, status: u16) {
    let from: SocketAddr = from.parse().expect("an address");
    let request = Request::post(path)
        .extension(ConnectInfo(from))
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::USER_AGENT, HOSTILE)
        .header("x-request-id", HOSTILE.replace(' ', "_"))
        .body(Body::from(body.to_string()))
        .expect("a request");
    let answer = router.clone().oneshot(request).await.expect("an answer");
    assert_eq!(answer.status(), status, "{path}");
}

/// Returns the lines of a registration, a log-in and three failures.
async fn lines_of_guesses(format: LogFormat) -> String {
    let lines = Lines::default();
    let writer = lines.clone();
    let filter = "info".parse().expect("a filter");
    let subscriber = telemetry::subscriber(format, filter, move || Escaped(writer.clone()));
    let _guard = tracing::subscriber::set_default(subscriber);
    tracing::callsite::rebuild_interest_cache();
    let options = kanso_http::Options {
        logs_clients: true,
        ..kanso_http::Options::default()
    };
    let (router, ..) = server_on(Arc::new(MemoryStorage::default()), options);
    let ada = |password: &str| json!({"email": "ada@example.org", "password": password});
    let home = "192.0.2.7:4711";
    send(&router, home, "/api/v1/auth/register", &ada(PASSWORD), 201).await;
    send(&router, home, "/api/v1/auth/login", &ada(PASSWORD), 200).await;
    let guess = ada("a guess");
    send(
        &router,
        "203.0.113.9:4711",
        "/api/v1/auth/login",
        &guess,
        401,
    )
    .await;
    let block = "[2001:db8:1:2:3:4:5:6]:4711";
    send(&router, block, "/api/v1/auth/login", &guess, 401).await;
    let unknown = json!({"email": "a\"@b.c\r\nx", "password": "a guess"});
    send(&router, block, "/api/v1/auth/login", &unknown, 401).await;
    let unknown = json!({"email": "bea@example.org", "password": "a guess"});
    send(&router, block, "/api/v1/auth/login", &unknown, 401).await;
    let written = lines.0.lock().expect("not poisoned").clone();
    String::from_utf8(written).expect("UTF-8")
}

#[tokio::test]
async fn the_filter_finds_the_guessers_in_both_formats() {
    for format in [LogFormat::Text, LogFormat::Json] {
        let text = lines_of_guesses(format).await;
        let found: Vec<_> = text
            .lines()
            .filter_map(|line| {
                let captures = expressions();
                let captures = captures.iter().find_map(|one| one.captures(line))?;
                Some(captures["client"].to_owned())
            })
            .collect();
        let block = "2001:db8:1:2::/64";
        assert_eq!(found, ["203.0.113.9", block, block], "{format:?}\n{text}");
        // One line for each request, and one for each event.
        assert_eq!(text.lines().count(), 6 + 5, "{format:?}\n{text}");
        assert!(!text.contains("ada@example.org"), "{format:?}\n{text}");
        let has_code = text.contains("invalid_credentials");
        let has_client = text.matches("192.0.2.7").count() == 4;
        assert!(has_code && has_client, "{format:?}\n{text}");
        assert!(
            text.chars()
                .all(|character| character == '\n' || !character.is_control())
        );
    }
}

#[test]
fn control_characters_are_escaped() {
    use std::io::Write as _;
    let mut written = Vec::new();
    Escaped(&mut written)
        .write_all("a\r\nb\u{1b}[2J\u{9b}c é\n".as_bytes())
        .expect("written");
    let expected = "a\\r\\nb\\u{1b}[2J\\u{9b}c é\n";
    assert_eq!(String::from_utf8(written).expect("UTF-8"), expected);
}

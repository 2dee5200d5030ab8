//! Requests whose end is ambiguous, sent to the server directly and through nginx with the shipped file.
//!
//! Each probe hides the registration of an account behind a request. If a reader takes the hidden bytes for
//! a request of their own, the account exists afterwards.

mod probes;

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{App, Nginx, PASSWORD};
use probes::{PROBES, Probe};

/// Header `Host` of every request. nginx answers any name, because it has one server.
const HOST: &str = "Host: kanso.example.org\r\n";

/// Returns the hidden request.
fn hidden(email: &str) -> String {
    let body = json!({"email": email, "password": PASSWORD}).to_string();
    let length = body.len();
    format!(
        "POST /api/v1/auth/register HTTP/1.1\r\n{HOST}Connection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

/// Sends bytes and returns all that comes back.
async fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let mut answer = Vec::new();
    let talk = async {
        // The peer may close before it has read everything.
        let _ = stream.write_all(bytes).await;
        let _ = stream.read_to_end(&mut answer).await;
    };
    // A peer that keeps the connection open has said all that it has to say.
    let _ = timeout(Duration::from_secs(8), talk).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// Returns the statuses of the answers. An interim answer belongs to the final one behind it.
fn statuses(answer: &str) -> Vec<u16> {
    let heads = answer.match_indices("HTTP/1.").map(|(at, _)| &answer[at..]);
    let statuses = heads.filter_map(|head| head.get(9..12)?.parse().ok());
    statuses.filter(|status| *status >= 200).collect()
}

async fn exists(app: &App, email: &str) -> bool {
    let body = json!({"email": email, "password": PASSWORD});
    let status = app.post("/api/v1/auth/login", &body).await.status;
    assert!([200, 401].contains(&status), "{status}");
    status == 200
}

/// Sends every probe to the address, behind which the server is. Returns the probes of which a reader took
/// the hidden bytes for a request.
async fn second_requests(app: &App, address: SocketAddr) -> Vec<&'static str> {
    // Two requests that are what they seem: the check finds a second request.
    let plain = format!("GET /health/live HTTP/1.1\r\n{HOST}\r\n");
    let email = "pipelined@example.org";
    let answer = exchange(address, format!("{plain}{}", hidden(email)).as_bytes()).await;
    assert_eq!(statuses(&answer), [200, 201], "{answer}");
    assert!(exists(app, email).await);

    assert!(PROBES.len() >= 30);
    let email = |number: usize| format!("probe-{number}@example.org");
    let sent = PROBES
        .iter()
        .enumerate()
        .map(|(number, Probe { bytes, .. })| {
            let bytes = bytes(&hidden(&email(number)));
            // At once: a connection that stays open takes as long as the time limit.
            tokio::spawn(async move { exchange(address, &bytes).await })
        });
    let sent: Vec<_> = sent.collect();
    let mut second = Vec::new();
    for (number, (Probe { name, .. }, sent)) in PROBES.iter().zip(sent).enumerate() {
        let answer = sent.await.expect("an exchange");
        if statuses(&answer).len() > 1 || exists(app, &email(number)).await {
            second.push(*name);
        }
    }
    second
}

#[tokio::test]
async fn no_ambiguous_request_hides_another_one_from_the_server() {
    let app = App::start().await;
    let second = second_requests(&app, app.running.address()).await;
    assert_eq!(second, [""; 0]);
}

#[tokio::test]
async fn no_ambiguous_request_hides_another_one_from_nginx_or_behind_it() {
    let app = App::start().await;
    let nginx = Nginx::before(app.running.address()).await;
    let second = second_requests(&app, nginx.address()).await;
    // nginx ends a chunk extension at a bare line feed, so for it these are two whole requests. It sends the
    // server two with a length each, so both read the same.
    assert_eq!(second, ["a bare line feed in a chunk extension"]);
}

#[tokio::test]
async fn nginx_tells_browsers_to_use_https_for_every_name() {
    let app = App::start().await;
    let nginx = Nginx::before(app.running.address()).await;
    for path in ["/health/live", "/nowhere"] {
        let request = format!("GET {path} HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n");
        let answer = exchange(nginx.address(), request.as_bytes()).await;
        let header = "Strict-Transport-Security: max-age=63072000; includeSubDomains\r\n";
        assert!(answer.contains(header), "{answer}");
    }
}

//! Every wait of a connection has a deadline.

use super::*;

#[tokio::test(start_paused = true)]
async fn silent_connection_is_closed() {
    let server = Server::with_defaults();
    assert_eq!(server.connect().await.rest().await, "");
    assert_eq!(server.seconds(), 10);
}

#[tokio::test(start_paused = true)]
async fn half_a_header_is_cut_at_any_speed() {
    let server = Server::with_defaults();
    let mut client = server.sent("GET / HTTP/1.1\r\n").await;
    for _ in 0..9 {
        sleep(Duration::from_secs(1)).await;
        client.send("x: y\r\n").await;
    }
    assert_eq!(client.rest().await, "");
    assert_eq!(server.seconds(), 10);
}

#[tokio::test(start_paused = true)]
async fn idle_connection_is_closed_after_the_idle_limit() {
    let server = Server::with_defaults();
    let mut client = server.sent(REQUEST).await;
    client.response("hello").await;
    sleep(Duration::from_mins(1)).await;
    client.send(REQUEST).await;
    client.response("hello").await;
    assert_eq!(client.rest().await, "");
    assert_eq!(server.seconds(), 60 + 75);
}

#[tokio::test(start_paused = true)]
async fn half_a_second_header_has_the_same_limit() {
    let server = Server::with_defaults();
    let mut client = server.sent(REQUEST).await;
    client.response("hello").await;
    sleep(Duration::from_secs(20)).await;
    client.send("GET").await;
    assert_eq!(client.rest().await, "");
    assert_eq!(server.seconds(), 20 + 10);
}

#[tokio::test(start_paused = true)]
async fn body_may_be_slow_but_not_pause() {
    let server = Server::with_defaults();
    let mut client = server
        .sent("POST /echo HTTP/1.1\r\nhost: kanso\r\ncontent-length: 4\r\n\r\n")
        .await;
    for byte in ["a", "b", "c"] {
        sleep(Duration::from_secs(14)).await;
        client.send(byte).await;
    }
    settle().await;
    assert!(client.rest().await.starts_with("HTTP/1.1 408 "));
    assert_eq!(server.seconds(), 3 * 14 + 15);
}

#[tokio::test(start_paused = true)]
async fn a_running_request_is_not_an_idle_connection() {
    let server = Server::with_defaults();
    let mut client = server
        .sent("GET /slow HTTP/1.1\r\nhost: kanso\r\n\r\n")
        .await;
    client.response("slow").await;
    assert_eq!(server.seconds(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_cut() {
    let (ours, theirs) = tokio::io::duplex(16);
    let server = Server::with_defaults();
    server.wire.send(theirs).await.expect("the server accepts");
    let mut client = Client(ours);
    let send = "GET /peer HTTP/1.1\r\nhost: kanso\r\n\r\n";
    client.send(send).await;
    sleep(Duration::from_secs(31)).await;
    let read = client.rest().await;
    assert!(read.len() <= 16, "{read:?}");
}

/// Reads a response of `path`, `bytes` bytes every second, until the connection ends or 300 seconds are
/// over. Returns the number of bytes, and of seconds.
async fn read_slowly(path: &str, bytes: usize) -> (usize, u64) {
    let (ours, theirs) = tokio::io::duplex(16);
    let server = Server::with_defaults();
    server.wire.send(theirs).await.expect("the server accepts");
    let mut client = Client(ours);
    let request = format!("GET {path} HTTP/1.1\r\nhost: kanso\r\nconnection: close\r\n\r\n");
    client.send(&request).await;
    let mut read = 0;
    while server.seconds() < 300 {
        sleep(Duration::from_secs(1)).await;
        let mut piece = vec![0; bytes];
        match client.0.read_exact(&mut piece).await {
            Ok(length) => read += length,
            Err(_) => break,
        }
    }
    (read, server.seconds())
}

#[tokio::test(start_paused = true)]
async fn client_that_reads_too_slowly_is_cut() {
    let (read, seconds) = read_slowly("/long", 500).await;
    assert!((29..=32).contains(&seconds), "{seconds}");
    assert!(read < 30 * 1024, "{read}");
    // A slow network is no reason.
    let (read, seconds) = read_slowly("/long", 1_500).await;
    assert!(read > 400_000 && seconds >= 299, "{read} {seconds}");
    // A stream of events has few bytes by itself.
    let (_, seconds) = read_slowly("/events", 500).await;
    assert!(seconds >= 299, "{seconds}");
}

#[tokio::test(start_paused = true)]
async fn a_header_that_is_too_large_is_refused() {
    let server = Server::with_defaults();
    let mut client = server.connect().await;
    client
        .send(&format!("GET / HTTP/1.1\r\nx: {}", "y".repeat(40 * 1024)))
        .await;
    let answer = client.rest().await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    has_security_headers(&answer);
    let mut client = server.sent("nonsense\r\n\r\n").await;
    let answer = client.rest().await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    has_security_headers(&answer);
}

/// Asserts that hyper's own answer is safe to show in a browser.
fn has_security_headers(answer: &str) {
    for header in [
        "x-content-type-options: nosniff",
        "content-security-policy: default-src 'none'",
        "referrer-policy: no-referrer",
        "cache-control: no-store",
    ] {
        assert!(answer.contains(header), "{answer}");
    }
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_silent_for_a_while_is_not_cut() {
    let server = Server::with_defaults();
    let mut client = server
        .sent("GET /rare HTTP/1.1\r\nhost: kanso\r\n\r\n")
        .await;
    let answer = client.response("\r\n0\r\n\r\n").await;
    assert!(answer.contains("word 2 "), "{answer}");
    assert_eq!(server.seconds(), 4 * 40);
}

//! The same for HTTP/2, whose peers send frames between requests.

use axum::http::Request;
use h2::client::SendRequest;
use tokio::task::JoinHandle;

use super::*;

type Connection = (SendRequest<Bytes>, JoinHandle<Result<(), h2::Error>>);

/// Connects and exchanges preface and settings. The task ends with the connection.
async fn connect(server: &Server) -> Connection {
    handshake(server.connect().await.0).await
}

/// Connects like [`connect`], but the first bytes of the preface arrive alone.
async fn connect_with_split_preface(server: &Server) -> Connection {
    let mut server_side = server.connect().await.0;
    let (client_side, mut proxy) = tokio::io::duplex(64 * 1024);
    tokio::spawn(async move {
        let mut start = [0; 2];
        proxy.read_exact(&mut start).await.expect("a preface");
        server_side
            .write_all(&start)
            .await
            .expect("the server reads");
        settle().await;
        let _ = tokio::io::copy_bidirectional(&mut proxy, &mut server_side).await;
    });
    handshake(client_side).await
}

async fn handshake(stream: DuplexStream) -> Connection {
    let (requests, connection) = h2::client::handshake(stream).await.expect("a handshake");
    let connection = tokio::spawn(connection);
    settle().await;
    (requests, connection)
}

async fn get(requests: &mut SendRequest<Bytes>, path: &str) -> Result<String, h2::Error> {
    let request = Request::get(format!("http://kanso{path}"))
        .body(())
        .expect("a request");
    let (response, _) = requests.send_request(request, true)?;
    let mut body = response.await?.into_body();
    let mut text = Vec::new();
    while let Some(chunk) = body.data().await {
        text.extend(chunk?);
    }
    Ok(String::from_utf8(text).expect("UTF-8"))
}

#[tokio::test(start_paused = true)]
async fn http2_connection_without_a_request_is_closed() {
    let server = Server::with_defaults();
    let (_requests, connection) = connect(&server).await;
    let _ = connection.await.expect("no panic");
    assert_eq!(server.seconds(), 10);
}

#[tokio::test(start_paused = true)]
async fn idle_http2_connection_is_closed_after_the_idle_limit() {
    let server = Server::with_defaults();
    let (mut requests, connection) = connect(&server).await;
    assert_eq!(get(&mut requests, "/").await.expect("a response"), "hello");
    sleep(Duration::from_mins(1)).await;
    assert_eq!(get(&mut requests, "/").await.expect("a response"), "hello");
    connection
        .await
        .expect("no panic")
        .expect("GOAWAY, not a reset");
    assert_eq!(server.seconds(), 60 + 75);
}

#[tokio::test(start_paused = true)]
async fn split_preface_does_not_shorten_the_idle_limit() {
    let server = Server::with_defaults();
    let (mut requests, connection) = connect_with_split_preface(&server).await;
    assert_eq!(get(&mut requests, "/").await.expect("a response"), "hello");
    // The proxy ends with the connection, maybe with an error.
    let _ = connection.await.expect("no panic");
    assert_eq!(server.seconds(), 75);
}

#[tokio::test(start_paused = true)]
async fn running_request_is_answered_before_the_connection_ends() {
    let server = Server::with_defaults();
    let (mut requests, connection) = connect(&server).await;
    let mut other = requests.clone();
    let slow = tokio::spawn(async move { get(&mut other, "/slow").await });
    settle().await;
    server.running.shut_down();
    settle().await;
    get(&mut requests, "/").await.expect_err("no new requests");
    assert_eq!(slow.await.expect("no panic").expect("a response"), "slow");
    connection
        .await
        .expect("no panic")
        .expect("GOAWAY, not a reset");
    server.running.stopped().await;
    assert_eq!(server.started.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn idle_connection_does_not_delay_the_shutdown() {
    let server = Server::with_defaults();
    let (mut requests, _connection) = connect(&server).await;
    get(&mut requests, "/").await.expect("a response");
    server.running.shut_down();
    server.running.stopped().await;
    assert!(server.started.elapsed() < Duration::from_secs(2));
}

/// A peer that gives no window blocks no write to the socket.
#[tokio::test(start_paused = true)]
async fn http2_peer_that_reads_nothing_is_cut() {
    // A slow peer has more time for a long response.
    for (path, window, seconds) in [("/", 0, 30..=32), ("/long", 100, 30..=300)] {
        let server = Server::with_defaults();
        let mut handshake = h2::client::Builder::new();
        handshake.initial_window_size(window);
        let stream = server.connect().await.0;
        let (mut requests, connection) = handshake
            .handshake::<_, Bytes>(stream)
            .await
            .expect("a handshake");
        let connection = tokio::spawn(connection);
        settle().await;
        let request = Request::get(format!("http://kanso{path}"))
            .body(())
            .expect("a request");
        let (response, _) = requests.send_request(request, true).expect("sent");
        let _body = response.await.expect("a header").into_body();
        let _ = connection.await.expect("no panic");
        assert!(seconds.contains(&server.seconds()), "{}", server.seconds());
    }
}

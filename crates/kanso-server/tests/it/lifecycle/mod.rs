//! Deadlines of connections, and the shutdown.
//!
//! In memory, on a paused clock that advances when all tasks are idle: the real time-outs,
//! without real waits.

mod http2;
mod shutdown;
mod sockets;
mod timeouts;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderName, StatusCode, header};
use axum::routing::{get, post};
use ipnet::IpNet;
use kanso_server::lifecycle::{
    Components, DrainPlan, Limits, Listener, Running, Shutdown, StopReason,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

const PEER: SocketAddr = SocketAddr::new(
    std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7)),
    4711,
);

/// Returns a router with the handlers of these tests.
fn router() -> Router {
    Router::new()
        .route("/", get(|| async { "hello" }))
        .route(
            "/peer",
            get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.to_string() }),
        )
        .route(
            "/slow",
            get(|| async {
                sleep(Duration::from_secs(10)).await;
                "slow"
            }),
        )
        .route(
            "/forever",
            get(|| async { std::future::pending::<()>().await }),
        )
        .route("/rare", get(rare))
        .route("/long", get(|| async { "x".repeat(LONG) }))
        .route("/events", get(events))
        .route("/echo", post(echo))
}

/// Streams a word every forty seconds, three times.
async fn rare() -> Body {
    let words = futures::stream::unfold(0, async |said| {
        sleep(Duration::from_secs(40)).await;
        (said < 3).then(|| (Ok::<_, io::Error>(format!("word {said} ")), said + 1))
    });
    Body::from_stream(words)
}

/// Length of a response that no buffer holds as a whole.
const LONG: usize = 1_000_000;

/// A long response of the type of an event stream.
async fn events() -> ([(HeaderName, &'static str); 1], Body) {
    let content_type = [(header::CONTENT_TYPE, "text/event-stream")];
    let pieces = std::iter::repeat_with(|| Ok::<_, io::Error>("x".repeat(1_000)));
    let body = Body::from_stream(futures::stream::iter(pieces.take(LONG / 1_000)));
    (content_type, body)
}

async fn echo(
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> (StatusCode, Bytes) {
    body.map_or((StatusCode::REQUEST_TIMEOUT, Bytes::new()), |body| {
        (StatusCode::OK, body)
    })
}

/// Connections in memory.
struct Wire(mpsc::Receiver<DuplexStream>);

impl Listener for Wire {
    type Stream = DuplexStream;

    async fn accept(&mut self) -> io::Result<(DuplexStream, SocketAddr)> {
        match self.0.recv().await {
            Some(stream) => Ok((stream, PEER)),
            None => std::future::pending().await,
        }
    }
}

/// A server on a [`Wire`].
struct Server {
    running: Running,
    wire: mpsc::Sender<DuplexStream>,
    writes: TaskTracker,
    workers: TaskTracker,
    storage_closed: CancellationToken,
    storage_broken: CancellationToken,
    started: Instant,
}

impl Server {
    fn start(limits: Limits, plan: DrainPlan) -> Self {
        Self::behind(Vec::new(), limits, plan)
    }

    fn behind(proxies: Vec<IpNet>, limits: Limits, plan: DrainPlan) -> Self {
        let (wire, listener) = mpsc::channel(64);
        let (shutdown, writes, workers) = (Shutdown::new(), TaskTracker::new(), TaskTracker::new());
        let storage_closed = CancellationToken::new();
        let close = storage_closed.clone();
        let storage_broken = CancellationToken::new();
        let components = Components {
            router: router(),
            proxies,
            shutdown,
            writes: writes.clone(),
            workers: workers.clone(),
            broken: Box::pin(storage_broken.clone().cancelled_owned()),
            close_storage: Box::pin(async move { close.cancel() }),
        };
        let running = Running::start(components, (Wire(listener), PEER), limits, plan);
        Self {
            running,
            wire,
            writes,
            workers,
            storage_closed,
            storage_broken,
            started: Instant::now(),
        }
    }

    fn with_defaults() -> Self {
        Self::start(Limits::default(), DrainPlan::with_delay(Duration::ZERO))
    }

    async fn connect(&self) -> Client {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        self.wire.send(theirs).await.expect("the server accepts");
        Client(ours)
    }

    /// Connects, sends `bytes` and waits until the server has read them.
    async fn sent(&self, bytes: &str) -> Client {
        let mut client = self.connect().await;
        client.send(bytes).await;
        settle().await;
        client
    }

    fn seconds(&self) -> u64 {
        self.started.elapsed().as_secs()
    }
}

/// Runs all tasks until they are idle.
async fn settle() {
    sleep(Duration::from_millis(1)).await;
}

struct Client(DuplexStream);

impl Client {
    async fn send(&mut self, bytes: &str) {
        self.0
            .write_all(bytes.as_bytes())
            .await
            .expect("the server reads");
    }

    /// Reads until the server closes the connection.
    async fn rest(&mut self) -> String {
        let mut bytes = Vec::new();
        // A cut connection may end in an error; the bytes before it count.
        let _ = self.0.read_to_end(&mut bytes).await;
        String::from_utf8(bytes).expect("UTF-8")
    }

    /// Reads one response whose body ends in `end`.
    async fn response(&mut self, end: &str) -> String {
        let mut text = String::new();
        while !text.ends_with(end) {
            let mut bytes = [0; 1024];
            let length = self.0.read(&mut bytes).await.expect("a response");
            assert_ne!(length, 0, "closed after {text:?}");
            text.push_str(std::str::from_utf8(&bytes[..length]).expect("UTF-8"));
        }
        text
    }
}

const REQUEST: &str = "GET / HTTP/1.1\r\nhost: kanso\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn a_handler_knows_its_peer() {
    let server = Server::with_defaults();
    let mut client = server
        .sent("GET /peer HTTP/1.1\r\nhost: kanso\r\n\r\n")
        .await;
    assert!(
        client
            .response(&PEER.to_string())
            .await
            .starts_with("HTTP/1.1 200 OK\r\n")
    );
}

#[tokio::test(start_paused = true)]
async fn longest_idle_connection_makes_room() {
    let limits = Limits {
        connections: 2,
        ..Limits::default()
    };
    let server = Server::start(limits, DrainPlan::with_delay(Duration::ZERO));
    let mut first = server.sent(REQUEST).await;
    first.response("hello").await;
    sleep(Duration::from_secs(1)).await;
    let mut silent = server.connect().await;
    sleep(Duration::from_secs(1)).await;
    first.send(REQUEST).await;
    first.response("hello").await;
    // The silent one waits longer than the first one since its second response.
    let mut third = server.sent(REQUEST).await;
    third.response("hello").await;
    assert_eq!(silent.rest().await, "");
    assert_eq!(server.seconds(), 2, "at once");
    first.send(REQUEST).await;
    first.response("hello").await;
}

#[tokio::test(start_paused = true)]
async fn connection_with_a_request_is_not_closed_to_make_room() {
    let limits = Limits {
        connections: 1,
        ..Limits::default()
    };
    let server = Server::start(limits, DrainPlan::with_delay(Duration::ZERO));
    let mut busy = server
        .sent("GET /slow HTTP/1.1\r\nhost: kanso\r\n\r\n")
        .await;
    let mut second = server.sent(REQUEST).await;
    busy.response("slow").await;
    assert_eq!(server.seconds(), 10);
    second.response("hello").await;
    assert_eq!(server.seconds(), 10, "as soon as the first is idle");
}

#[tokio::test(start_paused = true)]
async fn client_has_a_number_of_connections() {
    let limits = Limits {
        client_connections: 2,
        ..Limits::default()
    };
    let plan = || DrainPlan::with_delay(Duration::ZERO);
    let server = Server::start(limits, plan());
    let busy = "GET /rare HTTP/1.1\r\nhost: kanso\r\n\r\n";
    let first = server.sent(busy).await;
    let _second = server.sent(busy).await;
    let mut third = server.connect().await;
    assert_eq!(third.rest().await, "");
    assert_eq!(server.seconds(), 0, "it is closed at once");
    drop(first);
    settle().await;
    let mut idle = server.sent(REQUEST).await;
    idle.response("hello").await;
    // Many devices may be behind one address, so a silent connection makes room.
    server.sent(REQUEST).await.response("hello").await;
    assert_eq!(idle.rest().await, "");
    assert_eq!(server.seconds(), 0);

    // A proxy connects for many clients.
    let network = "192.0.2.0/24".parse().expect("a network");
    let server = Server::behind(vec![network], limits, plan());
    let mut open = Vec::new();
    for _ in 0..5 {
        open.push(server.sent(REQUEST).await);
    }
    for client in &mut open {
        client.response("hello").await;
    }
}

#[tokio::test(start_paused = true)]
async fn request_may_begin_like_the_http2_preface() {
    let server = Server::with_defaults();
    let mut client = server.sent("P").await;
    client.send("OST /echo HTTP/1.1\r\nhost: kanso\r\n").await;
    settle().await;
    let rest = "content-length: 2\r\nconnection: close\r\n\r\nhi";
    client.send(rest).await;
    let answer = client.rest().await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("hi"));
}

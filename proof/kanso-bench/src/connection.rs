//! A kept-alive connection and its requests.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HOST};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use kanso_harness::events::HeadStream;
use tokio::net::TcpStream;

use crate::clock::{micros, now};

/// Number of times that a request is sent again after a 503, and the pause before each.
const BUSY_RETRIES: u32 = 20;
const BUSY_PAUSE: Duration = Duration::from_millis(500);
/// Bytes of a body that an error message quotes.
const QUOTED: usize = 400;

/// A request without its body. It is built once and cloned for each sending, because building URI
/// and headers anew would take processor time from the server.
#[derive(Clone, Debug)]
pub(crate) struct RequestTemplate(Parts);

impl RequestTemplate {
    /// Returns a `GET` of a path.
    pub(crate) fn get(path: &str) -> anyhow::Result<Self> {
        Self::new(Method::GET, path)
    }

    /// Returns a `POST` of JSON to a path.
    pub(crate) fn post(path: &str) -> anyhow::Result<Self> {
        Self::new(Method::POST, path)?.with(CONTENT_TYPE, "application/json")
    }

    /// Adds an access token.
    pub(crate) fn authorized(self, token: &str) -> anyhow::Result<Self> {
        self.with(AUTHORIZATION, &format!("Bearer {token}"))
    }

    /// Asks for an answer in this encoding.
    pub(crate) fn accepting(self, encoding: &str) -> anyhow::Result<Self> {
        self.with(ACCEPT_ENCODING, encoding)
    }

    fn new(method: Method, path: &str) -> anyhow::Result<Self> {
        let request = Request::builder().method(method).uri(path).body(())?;
        Self(request.into_parts().0).with(HOST, "kanso.example")
    }

    fn with(mut self, name: HeaderName, value: &str) -> anyhow::Result<Self> {
        self.0.headers.insert(name, HeaderValue::from_str(value)?);
        Ok(self)
    }
}

/// A complete answer.
#[derive(Debug)]
pub(crate) struct FullAnswer {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

impl FullAnswer {
    /// Returns the body of a success. Any other status ends the measurement, because a failure is
    /// faster than the measured work.
    pub(crate) fn into_success(self) -> anyhow::Result<Bytes> {
        anyhow::ensure!(
            self.status.is_success(),
            "the server answered {}: {}",
            self.status,
            beginning(&self.body)
        );
        Ok(self.body)
    }
}

/// Returns the beginning of a body for an error message.
pub(crate) fn beginning(body: &[u8]) -> String {
    String::from_utf8_lossy(&body[..body.len().min(QUOTED)]).into_owned()
}

/// A connection with at most one request in flight.
#[derive(Debug)]
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// Duration of each request since this was cleared, in microseconds.
    pub(crate) latencies: Vec<u32>,
}

impl Connection {
    /// Connects to a server.
    pub(crate) async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address)
            .await
            .with_context(|| format!("cannot connect to {address}"))?;
        // Nagle's algorithm would delay small requests until the last answer is acknowledged.
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // An error of the connection also reaches the sender, which reports it.
        tokio::spawn(async move { connection.await.ok() });
        Ok(Self {
            sender,
            latencies: Vec::new(),
        })
    }

    /// Sends a request and returns the body of a success while it is still being sent.
    pub(crate) async fn begin(
        &mut self,
        template: &RequestTemplate,
        body: impl Into<Bytes>,
    ) -> anyhow::Result<Incoming> {
        let request = Request::from_parts(template.0.clone(), Full::new(body.into()));
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        anyhow::ensure!(status.is_success(), "the server answered {status}");
        Ok(response.into_body())
    }

    /// Sends a request, reads its whole answer and records the duration.
    pub(crate) async fn send(
        &mut self,
        template: &RequestTemplate,
        body: impl Into<Bytes>,
    ) -> anyhow::Result<FullAnswer> {
        let request = Request::from_parts(template.0.clone(), Full::new(body.into()));
        // The request is built before the clock starts, and the body is read before it stops: the
        // duration is the one that a device waits.
        let began = now();
        // hyper refuses a second request before the connection has read the last answer.
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        self.latencies.push(micros(began.elapsed()));
        Ok(FullAnswer { status, body })
    }

    /// Sends a request again while the server answers 503, at most [`BUSY_RETRIES`] times.
    pub(crate) async fn send_until_accepted(
        &mut self,
        template: &RequestTemplate,
        body: impl Into<Bytes>,
    ) -> anyhow::Result<FullAnswer> {
        let body = body.into();
        for _ in 0..BUSY_RETRIES {
            let answer = self.send(template, body.clone()).await?;
            if answer.status != StatusCode::SERVICE_UNAVAILABLE {
                return Ok(answer);
            }
            tokio::time::sleep(BUSY_PAUSE).await;
        }
        self.send(template, body).await
    }
}

/// An open event stream on a connection of its own.
#[derive(Debug)]
pub(crate) struct EventConnection {
    heads: HeadStream,
    // hyper closes the socket as soon as the sender is dropped.
    _connection: Connection,
}

impl EventConnection {
    /// Opens the stream of an account, and waits for its first event. The server has subscribed
    /// the stream by then, so no later push is missed.
    pub(crate) async fn open(address: SocketAddr, token: &str) -> anyhow::Result<Self> {
        let mut connection = Connection::open(address).await?;
        let template = RequestTemplate::get("/api/v1/sync/stream")?.authorized(token)?;
        let body = connection.begin(&template, Bytes::new()).await?;
        let mut heads = HeadStream::new(body.into_data_stream());
        // `hello` has the head of the time at which the stream was opened.
        heads.next_head().await?;
        Ok(Self {
            heads,
            _connection: connection,
        })
    }

    /// Waits for the next event and returns its head.
    pub(crate) async fn next_head(&mut self) -> anyhow::Result<i64> {
        self.heads.next_head().await
    }
}

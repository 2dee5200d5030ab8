//! One kept-alive connection, and the requests that go over it.

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
use tokio::net::TcpStream;

use crate::load::{micros, now};

/// What a request is but for its body, put together once.
#[derive(Clone, Debug)]
pub(crate) struct Call(Parts);

impl Call {
    /// A `GET` of a path.
    pub(crate) fn get(path: &str) -> anyhow::Result<Self> {
        Self::new(Method::GET, path)
    }

    /// A `POST` of JSON to a path.
    pub(crate) fn post(path: &str) -> anyhow::Result<Self> {
        Self::new(Method::POST, path)?.with(CONTENT_TYPE, "application/json")
    }

    /// The same call in the name of the token's owner.
    pub(crate) fn authorized(self, token: &str) -> anyhow::Result<Self> {
        self.with(AUTHORIZATION, &format!("Bearer {token}"))
    }

    /// The same call, for an answer in this encoding.
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

/// An answer, whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

impl Answer {
    /// The body of a success; anything else ends the measurement.
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

/// As much of a body as a message has room for.
pub(crate) fn beginning(body: &[u8]) -> String {
    String::from_utf8_lossy(&body[..body.len().min(400)]).into_owned()
}

/// A connection with at most one request under way.
#[derive(Debug)]
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// What each request took since this was last emptied, in microseconds.
    pub(crate) latencies: Vec<u32>,
}

impl Connection {
    /// Connects.
    pub(crate) async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address)
            .await
            .with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // How it ended is told to whoever sends the next request.
        tokio::spawn(async move { connection.await.ok() });
        Ok(Self {
            sender,
            latencies: Vec::new(),
        })
    }

    /// Sends a request and gives the body of a success to be read as it comes.
    pub(crate) async fn begin(
        &mut self,
        call: &Call,
        body: impl Into<Bytes>,
    ) -> anyhow::Result<Incoming> {
        let request = Request::from_parts(call.0.clone(), Full::new(body.into()));
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        anyhow::ensure!(status.is_success(), "the server answered {status}");
        Ok(response.into_body())
    }

    /// Sends a request and reads its whole answer.
    pub(crate) async fn send(
        &mut self,
        call: &Call,
        body: impl Into<Bytes>,
    ) -> anyhow::Result<Answer> {
        let request = Request::from_parts(call.0.clone(), Full::new(body.into()));
        let began = now();
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        self.latencies.push(micros(began.elapsed()));
        Ok(Answer { status, body })
    }

    /// The same, a limited number of times, while the server asks for patience.
    pub(crate) async fn send_patiently(
        &mut self,
        call: &Call,
        body: impl Into<Bytes>,
    ) -> anyhow::Result<Answer> {
        let body = body.into();
        for _ in 0..20 {
            let answer = self.send(call, body.clone()).await?;
            if answer.status != StatusCode::SERVICE_UNAVAILABLE {
                return Ok(answer);
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        self.send(call, body).await
    }
}

//! How a request reaches the server.

mod http;

pub use http::HttpTransport;

use std::borrow::Cow;
use std::time::Duration;

use async_trait::async_trait;

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Writes.
    Post,
    /// Writes what is the same however often it is sent.
    Put,
    /// Takes away.
    Delete,
}

/// A request to the server.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// What it does.
    pub method: Method,
    /// The path, from the server's root.
    pub path: Cow<'static, str>,
    /// The access token that it carries.
    pub bearer: Option<String>,
    /// A JSON body.
    pub body: Option<Vec<u8>>,
}

impl std::fmt::Debug for Request {
    /// Tokens and passwords do not print.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} {}", self.method, self.path)
    }
}

/// The server's answer, whatever its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// When to ask again, where the server says it.
    pub retry_after: Option<Duration>,
    /// The body.
    pub body: Vec<u8>,
}

/// No answer arrived.
#[derive(Debug, thiserror::Error)]
#[error("the server cannot be reached: {reason}")]
pub struct Unreachable {
    /// What happened.
    pub reason: String,
    /// Whether the server may have seen the request all the same. Only a transport that knows better,
    /// since there was no connection to send it over, says no.
    pub may_have_arrived: bool,
}

/// Sends requests. The real one is [`HttpTransport`]; a test or a simulation brings its own.
#[async_trait]
pub trait Transport: Send + Sync {
    /// The server's address, which a replica remembers; without a slash at its end.
    fn server(&self) -> &str;

    /// Sends a request and waits for the whole answer.
    ///
    /// # Errors
    /// No answer arrived, or not all of it. Dropping the future has the same meaning.
    async fn exchange(&self, request: Request) -> Result<Reply, Unreachable>;
}

//! Port for sending requests to the server, and its HTTP implementation.

mod http;

pub(crate) use http::server_address;
pub use http::{HttpTransport, InvalidServerAddress};

use std::borrow::Cow;
use std::time::Duration;

use async_trait::async_trait;

/// HTTP method of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Reads a resource.
    Get,
    /// Writes; a repeated request may have another effect.
    Post,
    /// Writes; a repeated request has the same effect.
    Put,
    /// Changes a part of a resource.
    Patch,
    /// Deletes a resource.
    Delete,
}

/// Request to the server.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// HTTP method.
    pub method: Method,
    /// Path from the root of the server, such as `/api/v1/sync`.
    pub path: Cow<'static, str>,
    /// Access token to send with the request.
    pub bearer: Option<String>,
    /// JSON body.
    pub body: Option<Vec<u8>>,
}

impl std::fmt::Debug for Request {
    /// Hides tokens and passwords: debug output may end up in a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} {}", self.method, self.path)
    }
}

/// Answer of the server, with any status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status code.
    pub status: u16,
    /// Value of `Retry-After`, if the answer has it.
    pub retry_after: Option<Duration>,
    /// Body of the answer.
    pub body: Vec<u8>,
}

/// No complete answer arrived.
#[derive(Debug, thiserror::Error)]
#[error("the server cannot be reached: {reason}")]
pub struct Unreachable {
    /// Cause, for a message.
    pub reason: String,
    /// True if the server may have received the request. False only if the transport knows that it
    /// was never sent, because there was no connection. When in doubt, use true.
    pub may_have_arrived: bool,
}

/// Sends requests to one server. [`HttpTransport`] is the real one; tests and simulations have others.
///
/// # Examples
/// ```
/// use kanso_client::transport::{Reply, Request, Transport, Unreachable};
///
/// /// A network that is always down.
/// struct Unplugged;
///
/// #[async_trait::async_trait]
/// impl Transport for Unplugged {
///     fn server(&self) -> &str {
///         "https://kanso.example.org"
///     }
///
///     async fn exchange(&self, _: Request) -> Result<Reply, Unreachable> {
///         Err(Unreachable { reason: "no network".into(), may_have_arrived: false })
///     }
/// }
/// assert!(!Unplugged.server().ends_with('/'));
/// ```
#[async_trait]
pub trait Transport: Send + Sync {
    /// Returns the address of the server, without a slash at its end. The replica stores it.
    fn server(&self) -> &str;

    /// Sends `request` and waits for the whole answer.
    ///
    /// # Errors
    /// No complete answer arrived. If the future is dropped, the server may still have received the
    /// request.
    async fn exchange(&self, request: Request) -> Result<Reply, Unreachable>;
}

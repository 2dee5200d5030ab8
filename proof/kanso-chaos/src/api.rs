//! HTTP client of the devices, and the ways in which their requests fail.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use kanso_protocol::problem::Problem;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Method, RequestBuilder};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Time limit of a request. A server gives up after 30 s, and its 503 has to arrive: a shorter limit
/// here would turn every such answer into an unknown outcome.
const REQUEST_LIMIT: Duration = Duration::from_secs(40);
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Time limit of an event stream, which outlives every other answer.
const STREAM_LIMIT: Duration = Duration::from_hours(1);

/// Reason for which a request failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestError {
    /// The connection was refused: nothing was carried out.
    ConnectionRefused,
    /// No answer came: the operations may have been carried out.
    NoAnswer(String),
    /// The answer is an error status.
    Problem {
        /// HTTP status.
        status: u16,
        /// `code` of the problem document; empty if the body is another one, as from a proxy.
        code: String,
        /// Seconds of the header `Retry-After`.
        retry_after: Option<u64>,
    },
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConnectionRefused => write!(f, "connection refused"),
            Self::NoAnswer(reason) => write!(f, "no answer: {reason}"),
            // Scenarios allow failures by this text. A 429 or 503 without Retry-After breaks the
            // contract, so it gets a text that no scenario allows.
            Self::Problem {
                status: status @ (429 | 503),
                code,
                retry_after: None,
            } => write!(f, "{status} {code} without Retry-After"),
            Self::Problem { status, code, .. } => write!(f, "{status} {code}"),
        }
    }
}

impl std::error::Error for RequestError {}

impl RequestError {
    /// Returns true if the operations of the request may have been carried out.
    pub const fn is_unknown(&self) -> bool {
        // A 5xx can follow the commit: a server that runs out of time answers 503 while its write
        // still reaches the disk.
        matches!(
            self,
            Self::NoAnswer(_) | Self::Problem { status: 500.., .. }
        )
    }
}

/// Number of failed requests, by kind.
#[derive(Debug, Default)]
pub struct FailureCounts {
    total: AtomicU64,
    kinds: Mutex<BTreeMap<String, u64>>,
}

impl FailureCounts {
    fn record(&self, error: &RequestError) {
        self.total.fetch_add(1, Ordering::Relaxed);
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        *kinds.entry(error.to_string()).or_default() += 1;
    }

    /// Number of requests that failed.
    pub fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    /// Number of failures by their text, such as `503 unavailable`.
    pub fn kinds(&self) -> BTreeMap<String, u64> {
        let kinds = self.kinds.lock();
        kinds.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Client of one or several servers. Each request goes to the next of them in turn.
#[derive(Clone, Debug)]
pub struct ApiClient {
    client: reqwest::Client,
    servers: Arc<[String]>,
    turn: Arc<AtomicUsize>,
    failures: Arc<FailureCounts>,
    /// Value of the header `X-Forwarded-For`.
    forwarded_for: Option<Arc<str>>,
}

impl ApiClient {
    /// Returns a client of the servers at these URLs, at least one.
    ///
    /// # Errors
    /// No URL was given, or the HTTP client cannot be built.
    pub fn new(servers: Vec<String>) -> anyhow::Result<Self> {
        anyhow::ensure!(!servers.is_empty(), "an API client needs a server");
        let client = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(CONNECT_LIMIT)
            .timeout(REQUEST_LIMIT)
            .build()
            .context("cannot build an HTTP client")?;
        Ok(Self {
            client,
            servers: servers.into(),
            turn: Arc::default(),
            failures: Arc::default(),
            forwarded_for: None,
        })
    }

    /// Returns a client that sends requests as a proxy does for the client at `address`.
    #[must_use]
    pub fn forwarded_for(&self, address: &str) -> Self {
        Self {
            forwarded_for: Some(address.into()),
            ..self.clone()
        }
    }

    /// Failures of this client and its clones.
    pub fn failures(&self) -> &FailureCounts {
        &self.failures
    }

    /// Sends a `POST` with a JSON body and parses the answer.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub async fn post<A: DeserializeOwned>(
        &self,
        path: &str,
        token: Option<&str>,
        body: &impl Serialize,
    ) -> Result<A, RequestError> {
        let body = serde_json::to_vec(body).map_err(|error| no_answer(&error))?;
        let request = self.request(Method::POST, path, token);
        self.parsed(request.header(CONTENT_TYPE, "application/json").body(body))
            .await
    }

    /// Sends a `GET` and parses the answer.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub async fn get<A: DeserializeOwned>(
        &self,
        path: &str,
        token: &str,
    ) -> Result<A, RequestError> {
        self.parsed(self.request(Method::GET, path, Some(token)))
            .await
    }

    /// Sends a `GET` and returns the answer as text.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub async fn text(&self, path: &str, token: &str) -> Result<String, RequestError> {
        let request = self.request(Method::GET, path, Some(token));
        let body = self.body(request).await?;
        String::from_utf8(body).map_err(|error| no_answer(&error))
    }

    /// Sends a `GET` and returns the answer while its body is still being sent.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub async fn open(&self, path: &str, token: &str) -> Result<reqwest::Response, RequestError> {
        let request = self.request(Method::GET, path, Some(token));
        self.answer(request.timeout(STREAM_LIMIT)).await
    }

    fn request(&self, method: Method, path: &str, token: Option<&str>) -> RequestBuilder {
        // Without regard to failures: a device that avoided a broken server would meet fewer faults.
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let server = &self.servers[turn % self.servers.len()];
        let mut request = self.client.request(method, format!("{server}{path}"));
        if let Some(address) = &self.forwarded_for {
            request = request.header("x-forwarded-for", &**address);
        }
        match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn parsed<A: DeserializeOwned>(
        &self,
        request: RequestBuilder,
    ) -> Result<A, RequestError> {
        let body = self.body(request).await?;
        serde_json::from_slice(&body).map_err(|error| no_answer(&error))
    }

    async fn body(&self, request: RequestBuilder) -> Result<Vec<u8>, RequestError> {
        let answer = self.answer(request).await?;
        match answer.bytes().await {
            Ok(body) => Ok(body.into()),
            Err(error) => {
                // The status was a success, but the connection broke before the body was complete.
                let failure = no_answer(&error);
                self.failures.record(&failure);
                Err(failure)
            }
        }
    }

    async fn answer(&self, request: RequestBuilder) -> Result<reqwest::Response, RequestError> {
        let failure = match request.send().await {
            Ok(answer) if answer.status().is_success() => return Ok(answer),
            Ok(answer) => problem(answer).await,
            // Only a failed connect shows that no byte was sent. Every later failure leaves the outcome open.
            Err(error) if error.is_connect() => RequestError::ConnectionRefused,
            Err(error) => no_answer(&error),
        };
        self.failures.record(&failure);
        Err(failure)
    }
}

async fn problem(answer: reqwest::Response) -> RequestError {
    let status = answer.status().as_u16();
    let retry_after = retry_after(answer.headers());
    let body = answer.bytes().await.unwrap_or_default();
    let problem: Option<Problem> = serde_json::from_slice(&body).ok();
    RequestError::Problem {
        status,
        code: problem.map(|problem| problem.code).unwrap_or_default(),
        retry_after,
    }
}

fn retry_after(headers: &HeaderMap) -> Option<u64> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()
}

/// Keeps the text of the innermost cause: reqwest's outer errors only repeat that a request failed,
/// and their texts contain the URL, which would split one kind of failure into many.
fn no_answer(error: &(dyn std::error::Error + 'static)) -> RequestError {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    RequestError::NoAnswer(cause.to_string())
}

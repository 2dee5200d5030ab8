//! Requests, and what becomes of those that fail.

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

/// Some seconds longer than a server takes to give an answer up.
const TIMEOUT: Duration = Duration::from_secs(40);
const CONNECT: Duration = Duration::from_secs(5);

/// Why a request brought nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failed {
    /// Nobody took it: nothing was carried out.
    Refused,
    /// No answer came: whether it was carried out is not known.
    Unanswered(String),
    /// The answer is a problem.
    Problem {
        /// Its status.
        status: u16,
        /// Its `code`; empty when it is no problem document, as from a proxy.
        code: String,
        /// What its `Retry-After` says, in seconds.
        retry_after: Option<u64>,
    },
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => write!(f, "nobody listens"),
            Self::Unanswered(reason) => write!(f, "no answer: {reason}"),
            Self::Problem {
                status: status @ (429 | 503),
                code,
                retry_after: None,
            } => write!(f, "{status} {code} without Retry-After"),
            Self::Problem { status, code, .. } => write!(f, "{status} {code}"),
        }
    }
}

impl std::error::Error for Failed {}

impl Failed {
    /// Whether the operations of the request may have been carried out all the same.
    pub const fn is_unknown(&self) -> bool {
        // A 5xx may come after the commit, as that of a server that could not answer in time does.
        matches!(
            self,
            Self::Unanswered(_) | Self::Problem { status: 500.., .. }
        )
    }
}

/// How many requests failed, and how.
#[derive(Debug, Default)]
pub struct Tally {
    failed: AtomicU64,
    kinds: Mutex<BTreeMap<String, u64>>,
}

impl Tally {
    fn note(&self, failed: &Failed) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        *kinds.entry(failed.to_string()).or_default() += 1;
    }

    /// Requests that did not succeed.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// What failed and how often, such as `503 unavailable`.
    pub fn kinds(&self) -> BTreeMap<String, u64> {
        let kinds = self.kinds.lock();
        kinds.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A way to one or several servers. Each request goes to the next of them.
#[derive(Clone, Debug)]
pub struct Wire {
    client: reqwest::Client,
    places: Arc<[String]>,
    turn: Arc<AtomicUsize>,
    tally: Arc<Tally>,
    /// Which address a proxy would say that requests come from.
    forwarded_for: Option<Arc<str>>,
}

impl Wire {
    /// A way to the servers at these URLs, of which there is at least one.
    ///
    /// # Errors
    /// There is no client to be had.
    pub fn new(places: Vec<String>) -> anyhow::Result<Self> {
        anyhow::ensure!(!places.is_empty(), "there is a server");
        let client = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(CONNECT)
            .timeout(TIMEOUT)
            .build()
            .context("cannot make an HTTP client")?;
        Ok(Self {
            client,
            places: places.into(),
            turn: Arc::default(),
            tally: Arc::default(),
            forwarded_for: None,
        })
    }

    /// The same way, as a proxy would use it for the client at `address`.
    #[must_use]
    pub fn forwarded_for(&self, address: &str) -> Self {
        Self {
            forwarded_for: Some(address.into()),
            ..self.clone()
        }
    }

    /// What failed on it.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Sends a body and reads the answer.
    ///
    /// # Errors
    /// See [`Failed`].
    pub async fn post<A: DeserializeOwned>(
        &self,
        path: &str,
        token: Option<&str>,
        body: &impl Serialize,
    ) -> Result<A, Failed> {
        let body = serde_json::to_vec(body).map_err(|error| unanswered(&error))?;
        let request = self.request(Method::POST, path, token);
        self.read(request.header(CONTENT_TYPE, "application/json").body(body))
            .await
    }

    /// Asks for a body.
    ///
    /// # Errors
    /// See [`Failed`].
    pub async fn get<A: DeserializeOwned>(&self, path: &str, token: &str) -> Result<A, Failed> {
        self.read(self.request(Method::GET, path, Some(token)))
            .await
    }

    /// Asks for the lines of a body.
    ///
    /// # Errors
    /// See [`Failed`].
    pub async fn lines(&self, path: &str, token: &str) -> Result<String, Failed> {
        let request = self.request(Method::GET, path, Some(token));
        let body = self.body(request).await?;
        String::from_utf8(body).map_err(|error| unanswered(&error))
    }

    /// Opens an answer that has no end.
    ///
    /// # Errors
    /// See [`Failed`].
    pub async fn open(&self, path: &str, token: &str) -> Result<reqwest::Response, Failed> {
        let request = self.request(Method::GET, path, Some(token));
        // An event stream is open for longer than any answer takes.
        self.answer(request.timeout(Duration::from_hours(1))).await
    }

    fn request(&self, method: Method, path: &str, token: Option<&str>) -> RequestBuilder {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let place = &self.places[turn % self.places.len()];
        let mut request = self.client.request(method, format!("{place}{path}"));
        if let Some(address) = &self.forwarded_for {
            request = request.header("x-forwarded-for", &**address);
        }
        match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn read<A: DeserializeOwned>(&self, request: RequestBuilder) -> Result<A, Failed> {
        let body = self.body(request).await?;
        serde_json::from_slice(&body).map_err(|error| unanswered(&error))
    }

    async fn body(&self, request: RequestBuilder) -> Result<Vec<u8>, Failed> {
        let answer = self.answer(request).await?;
        match answer.bytes().await {
            Ok(body) => Ok(body.into()),
            Err(error) => {
                let failed = unanswered(&error);
                self.tally.note(&failed);
                Err(failed)
            }
        }
    }

    async fn answer(&self, request: RequestBuilder) -> Result<reqwest::Response, Failed> {
        let outcome = match request.send().await {
            Ok(answer) if answer.status().is_success() => return Ok(answer),
            Ok(answer) => problem(answer).await,
            Err(error) if error.is_connect() => Failed::Refused,
            Err(error) => unanswered(&error),
        };
        self.tally.note(&outcome);
        Err(outcome)
    }
}

async fn problem(answer: reqwest::Response) -> Failed {
    let status = answer.status().as_u16();
    let retry_after = retry_after(answer.headers());
    let body = answer.bytes().await.unwrap_or_default();
    let problem: Option<Problem> = serde_json::from_slice(&body).ok();
    Failed::Problem {
        status,
        code: problem.map(|problem| problem.code).unwrap_or_default(),
        retry_after,
    }
}

fn retry_after(headers: &HeaderMap) -> Option<u64> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()
}

/// The innermost cause says what happened; the outer ones only that something did.
fn unanswered(error: &(dyn std::error::Error + 'static)) -> Failed {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    Failed::Unanswered(cause.to_string())
}

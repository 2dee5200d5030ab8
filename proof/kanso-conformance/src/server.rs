//! HTTP client of the server under test.

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Response, redirect};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::answer::{Answer, CaseFailure, shortened};

/// Time limit of an answer. It is longer than the 25 s for which a pull may wait.
const ANSWER_LIMIT: Duration = Duration::from_mins(1);
/// Total time for which one request is retried after 429 and 503.
const RETRY_LIMIT: Duration = Duration::from_mins(5);
/// Pause before a retry without `Retry-After`, and the longest pause, in seconds.
const PAUSE: (u64, u64) = (1, 60);

/// The server does not answer.
#[derive(Debug)]
pub struct ConnectError(String);

impl std::fmt::Display for ConnectError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConnectError {}

/// A limit on the requests of one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestLimit {
    /// Number of requests.
    pub requests: u64,
    /// Time in which they are counted, in seconds, if the server says so.
    pub seconds: Option<u64>,
}

/// Number of requests that a case sends on average.
const REQUESTS_PER_CASE: u64 = 20;

impl RequestLimit {
    /// Returns true if this many cases would spend most of their time waiting.
    pub fn is_too_low_for(self, cases: usize) -> bool {
        let cases = u64::try_from(cases).unwrap_or(u64::MAX);
        self.requests < cases.saturating_mul(REQUESTS_PER_CASE)
    }
}

impl std::fmt::Display for RequestLimit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} requests", self.requests)?;
        match self.seconds {
            Some(seconds) => write!(f, " in {seconds} s"),
            None => Ok(()),
        }
    }
}

/// Client of the server under test.
#[derive(Clone, Debug)]
pub struct ServerUnderTest {
    client: Client,
    origin: String,
}

impl ServerUnderTest {
    /// Connects to the server at this address, such as `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// The address is invalid, or no server answers there.
    pub async fn connect(origin: &str) -> Result<Self, ConnectError> {
        let client = Client::builder()
            .no_proxy()
            // Encodings and redirects are part of the contract: the cases must see them as they are sent.
            .no_gzip()
            .no_zstd()
            .redirect(redirect::Policy::none())
            .timeout(ANSWER_LIMIT)
            .build();
        let server = Self {
            client: client.map_err(|error| ConnectError(reason(&error)))?,
            origin: origin.trim_end_matches('/').to_owned(),
        };
        match server.client.get(server.url("/health")).send().await {
            Ok(_) => Ok(server),
            Err(error) => Err(ConnectError(reason(&error))),
        }
    }

    /// Returns the limit that the server sets to the requests of this machine, as its answers report
    /// it.
    pub async fn request_limit(&self) -> Option<RequestLimit> {
        // Without a token this is 401, and with the limit used up it is 429. Both have the headers.
        let request = self.client.get(self.url("/api/v1/auth/validate"));
        let answer = request.send().await.ok()?;
        let header = |name| answer.headers().get(name).and_then(|it| it.to_str().ok());
        // The number of requests is the parameter `q`, the seconds are `w`.
        let policy = header("ratelimit-policy").unwrap_or_default();
        let number = |name| {
            let mut parameters = policy.split(';').map(str::trim);
            parameters.find_map(|it| it.strip_prefix(name)?.parse().ok())
        };
        let older = || header("x-ratelimit-limit").and_then(|it| it.parse().ok());
        Some(RequestLimit {
            requests: number("q=").or_else(older)?,
            seconds: number("w="),
        })
    }

    /// Address of the server.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// Returns a request of a path from the root.
    pub(crate) fn call(&self, method: Method, path: &str) -> Call {
        Call {
            line: format!("{method} {path}"),
            request: self.client.request(method, self.url(path)),
            body: Vec::new(),
        }
    }

    /// Sends a `GET` of a path from the root.
    pub(crate) async fn get(&self, path: &str) -> Result<Answer, CaseFailure> {
        self.call(Method::GET, path).send().await
    }

    /// Sends a `POST` of JSON to a path from the root.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Answer, CaseFailure> {
        self.call(Method::POST, path).json(body).send().await
    }
}

/// Returns the text of an error with its causes.
fn reason(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

/// A request that is not sent yet.
#[must_use]
pub(crate) struct Call {
    line: String,
    request: RequestBuilder,
    body: Vec<u8>,
}

impl Call {
    /// Adds a header.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        // A failure quotes the request, and a report must not contain tokens.
        if name != "authorization" {
            self.line = format!("{}\n{name}: {}", self.line, shortened(value.as_bytes()));
        }
        self.request = self.request.header(name, value);
        self
    }

    /// Adds an access token.
    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Sets a JSON body.
    pub(crate) fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json")
            .body(body.to_string())
    }

    /// Sets the body.
    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.request = self.request.body(self.body.clone());
        self
    }

    /// Sends the request and reads the whole answer.
    pub(crate) async fn send(self) -> Result<Answer, CaseFailure> {
        let request = self.shown();
        let response = self.open().await?;
        whole(request, response).await
    }

    /// Sends the request and reads the whole answer, unless its status is 200: an event stream has no end.
    pub(crate) async fn refused(self) -> Result<Option<Answer>, CaseFailure> {
        let request = self.shown();
        let response = self.open().await?;
        if response.status().as_u16() == 200 {
            return Ok(None);
        }
        whole(request, response).await.map(Some)
    }

    /// Sends the request and returns the answer with its body unread. The request is repeated while a rate
    /// limit refuses it, until [`RETRY_LIMIT`].
    pub(crate) async fn open(self) -> Result<Response, CaseFailure> {
        let shown = self.shown();
        let end = Instant::now() + RETRY_LIMIT;
        loop {
            // Only a request with a streamed body cannot be cloned, and the kit sends none.
            let Some(attempt) = self.request.try_clone() else {
                return Err(CaseFailure::new(
                    "a request with a body that can be sent again",
                    shown,
                ));
            };
            let response = attempt.send().await;
            let response = response.map_err(|error| failed(&shown, "an answer", &error))?;
            let pause = pause(&response);
            if !matches!(response.status().as_u16(), 429 | 503) || Instant::now() + pause > end {
                return Ok(response);
            }
            // 429 and 503 are also answers that cases expect. Only the code in the body shows the difference.
            let (put_off, response) = is_put_off(response).await;
            match response {
                Some(response) if !put_off => return Ok(response),
                _ => sleep(pause).await,
            }
        }
    }

    fn shown(&self) -> String {
        match &*self.body {
            [] => self.line.clone(),
            body => format!("{}\n\n{}", self.line, shortened(body)),
        }
    }
}

/// Reads the whole answer.
async fn whole(request: String, response: Response) -> Result<Answer, CaseFailure> {
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let body = response.bytes().await;
    let body = body.map_err(|error| failed(&request, "a whole answer", &error))?;
    Ok(Answer {
        request,
        status,
        headers,
        json: serde_json::from_slice(&body).unwrap_or_default(),
        body: body.to_vec(),
    })
}

/// Returns the pause that the server asks for, within [`PAUSE`].
fn pause(response: &Response) -> Duration {
    let header = response.headers().get("retry-after");
    let seconds = header.and_then(|it| it.to_str().ok()?.parse().ok());
    Duration::from_secs(seconds.unwrap_or(PAUSE.0).min(PAUSE.1))
}

/// Returns true if the server refused the request because of its load, and the response if its body could
/// be read. Reading consumes a response, so it is rebuilt from its parts.
async fn is_put_off(response: Response) -> (bool, Option<Response>) {
    let (status, headers) = (response.status(), response.headers().clone());
    let Ok(body) = response.bytes().await else {
        return (true, None);
    };
    let problem: Value = serde_json::from_slice(&body).unwrap_or_default();
    let is_put_off = matches!(problem["code"].as_str(), Some("rate_limited" | "busy"));
    // The body is read by now, and reqwest cannot unread it.
    let mut again = http_response(body.to_vec());
    *again.status_mut() = status;
    *again.headers_mut() = headers;
    (is_put_off, Some(Response::from(again)))
}

fn http_response(body: Vec<u8>) -> http::Response<Vec<u8>> {
    http::Response::new(body)
}

fn failed(request: &str, expected: &str, error: &reqwest::Error) -> CaseFailure {
    CaseFailure {
        expected: expected.to_owned(),
        request: request.to_owned(),
        answer: reason(error),
    }
}

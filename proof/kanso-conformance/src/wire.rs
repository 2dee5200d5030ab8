//! Requests to the server under test.

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Response, redirect};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::answer::{Answer, Failure, shortened};

/// How long an answer may take, a pull that waits included.
const ANSWER: Duration = Duration::from_mins(1);
/// How long one request may be put off by a rate limit altogether.
const LIMITED: Duration = Duration::from_mins(5);
/// How long to wait when a server does not say, or says more than is sensible. Seconds.
const PAUSE: (u64, u64) = (1, 60);

/// The server cannot be asked at all.
#[derive(Debug)]
pub struct Unreachable(String);

impl std::fmt::Display for Unreachable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unreachable {}

/// The way to a server.
#[derive(Clone, Debug)]
pub struct Wire {
    client: Client,
    origin: String,
}

impl Wire {
    /// The way to the server at this address, such as `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// It is no address of a server, or nobody answers there.
    pub async fn to(origin: &str) -> Result<Self, Unreachable> {
        let client = Client::builder()
            .no_proxy()
            .no_gzip()
            .no_zstd()
            .redirect(redirect::Policy::none())
            .timeout(ANSWER)
            .build();
        let wire = Self {
            client: client.map_err(|error| Unreachable(reason(&error)))?,
            origin: origin.trim_end_matches('/').to_owned(),
        };
        match wire.client.get(wire.url("/health")).send().await {
            Ok(_) => Ok(wire),
            Err(error) => Err(Unreachable(reason(&error))),
        }
    }

    /// Where the server is.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// A request of a path that begins at the root.
    pub(crate) fn call(&self, method: Method, path: &str) -> Call {
        Call {
            line: format!("{method} {path}"),
            request: self.client.request(method, self.url(path)),
            body: Vec::new(),
        }
    }

    /// A `GET` of a path that begins at the root.
    pub(crate) async fn get(&self, path: &str) -> Result<Answer, Failure> {
        self.call(Method::GET, path).send().await
    }

    /// A `POST` of JSON to a path that begins at the root.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Answer, Failure> {
        self.call(Method::POST, path).json(body).send().await
    }
}

/// An error with what is behind it.
fn reason(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

/// A request that is about to be sent.
#[must_use]
pub(crate) struct Call {
    line: String,
    request: RequestBuilder,
    body: Vec<u8>,
}

impl Call {
    /// With this header.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        if name != "authorization" {
            self.line = format!("{}\n{name}: {}", self.line, shortened(value.as_bytes()));
        }
        self.request = self.request.header(name, value);
        self
    }

    /// In the name of the token's owner.
    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// With this JSON as its body.
    pub(crate) fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json")
            .body(body.to_string())
    }

    /// With these bytes as its body.
    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.request = self.request.body(self.body.clone());
        self
    }

    /// Sends it and reads the answer to its end.
    pub(crate) async fn send(self) -> Result<Answer, Failure> {
        let request = self.shown();
        let response = self.open().await?;
        whole(request, response).await
    }

    /// Sends it, and reads the answer to its end unless it is 200, as that of an event stream is.
    pub(crate) async fn refused(self) -> Result<Option<Answer>, Failure> {
        let request = self.shown();
        let response = self.open().await?;
        if response.status().as_u16() == 200 {
            return Ok(None);
        }
        whole(request, response).await.map(Some)
    }

    /// Sends it, again as long as the server says that there were too many, and has the head of the answer.
    pub(crate) async fn open(self) -> Result<Response, Failure> {
        let shown = self.shown();
        let end = Instant::now() + LIMITED;
        loop {
            let Some(attempt) = self.request.try_clone() else {
                return Err(Failure::new("a request that can be repeated", shown));
            };
            let response = attempt.send().await;
            let response = response.map_err(|error| failed(&shown, "an answer", &error))?;
            let pause = pause(&response);
            if !matches!(response.status().as_u16(), 429 | 503) || Instant::now() + pause > end {
                return Ok(response);
            }
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

/// The answer, read to its end.
async fn whole(request: String, response: Response) -> Result<Answer, Failure> {
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

/// How long the server wants to be left alone.
fn pause(response: &Response) -> Duration {
    let header = response.headers().get("retry-after");
    let seconds = header.and_then(|it| it.to_str().ok()?.parse().ok());
    Duration::from_secs(seconds.unwrap_or(PAUSE.0).min(PAUSE.1))
}

/// Whether a refusal is one that has nothing to do with the request itself. Else it is handed back.
async fn is_put_off(response: Response) -> (bool, Option<Response>) {
    let (status, headers) = (response.status(), response.headers().clone());
    let Ok(body) = response.bytes().await else {
        return (true, None);
    };
    let problem: Value = serde_json::from_slice(&body).unwrap_or_default();
    let is_put_off = matches!(problem["code"].as_str(), Some("rate_limited" | "busy"));
    let mut again = http_response(body.to_vec());
    *again.status_mut() = status;
    *again.headers_mut() = headers;
    (is_put_off, Some(Response::from(again)))
}

fn http_response(body: Vec<u8>) -> http::Response<Vec<u8>> {
    http::Response::new(body)
}

fn failed(request: &str, expected: &str, error: &reqwest::Error) -> Failure {
    Failure {
        expected: expected.to_owned(),
        request: request.to_owned(),
        answer: reason(error),
    }
}

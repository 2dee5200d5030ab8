use reqwest::header::HeaderMap;
use reqwest::{Method, Response};
use serde_json::Value;

use super::Document;

/// A response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(super) async fn read((method, path): (Method, String), response: Response) -> Self {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let body = response.bytes().await.expect("a whole answer").to_vec();
        let answer = Self {
            status,
            headers,
            body,
        };
        answer.must_be_well_formed();
        Document::of_the_code().must_describe(&method, &path, &answer);
        answer
    }

    /// Asserts the rules of every response.
    fn must_be_well_formed(&self) {
        assert!(!self.header("x-request-id").is_empty(), "{self}");
        assert_eq!(self.header("x-content-type-options"), "nosniff");
        assert!(
            self.header("content-security-policy")
                .contains("frame-ancestors 'none'")
        );
        if self.header("content-type") != "application/problem+json" {
            let is_state = self.status == 503 && self.header("content-type") == "application/json";
            assert!(self.status < 400 || is_state, "{self}");
            return;
        }
        let problem = self.json();
        assert_eq!(problem["status"], self.status, "{self}");
        for member in ["type", "title", "detail", "code", "error"] {
            assert!(problem[member].is_string(), "{member}: {self}");
        }
        let id = problem["request_id"].as_str();
        let named = (self.status != 404).then(|| self.header("x-request-id"));
        assert_eq!(id, named, "{self}");
        let waits = matches!(self.status, 429 | 503);
        assert_eq!(self.headers.contains_key("retry-after"), waits, "{self}");
        let challenges = self.status == 401;
        assert_eq!(
            self.header("www-authenticate").starts_with("Bearer"),
            challenges,
            "{self}"
        );
    }

    /// Returns the text of a header; empty if it is missing.
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().expect("ASCII"))
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// Asserts the status and returns the body.
    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self}");
        self.json()
    }

    /// Returns the lines of a JSON Lines response.
    #[track_caller]
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.expect(200);
        assert_eq!(self.header("content-type"), "application/x-ndjson");
        let text = str::from_utf8(&self.body).expect("UTF-8");
        assert!(text.ends_with('\n'), "{self}");
        let line = |line| serde_json::from_str(line).expect(line);
        text.lines().map(line).collect()
    }

    /// Asserts a problem response and returns it.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str) -> Value {
        let problem = self.expect(status);
        assert_eq!(problem["code"], code, "{self}");
        problem
    }

    /// Asserts an invalid request and returns the pointers of its invalid members.
    #[track_caller]
    pub(crate) fn invalid(&self, status: u16, pointers: &[&str]) {
        let problem = self.expect(status);
        let errors = problem["errors"].as_array().cloned().unwrap_or_default();
        let named: Vec<_> = errors
            .iter()
            .map(|error| error["pointer"].as_str().unwrap_or("?"))
            .collect();
        assert_eq!(named, pointers, "{self}");
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let body = String::from_utf8_lossy(&self.body);
        write!(f, "{} {:?}\n{body}", self.status, self.headers)
    }
}

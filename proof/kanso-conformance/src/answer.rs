//! Answers, and the checks of their contents.

use std::fmt;

use reqwest::header::HeaderMap;
use serde::Serialize;
use serde_json::Value;

/// Result of a check.
pub(crate) type CheckResult = Result<(), CaseFailure>;

/// Bytes of a body that a failure quotes.
const SHOWN: usize = 1_500;

/// Reason of a failed case: the request, the answer and the expectation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CaseFailure {
    /// Expected answer.
    pub expected: String,
    /// Request; empty if the failure is not about a single request.
    pub request: String,
    /// Actual answer.
    pub answer: String,
}

impl CaseFailure {
    /// Returns a failure that is not about a single answer.
    pub(crate) fn new(expected: impl fmt::Display, found: impl fmt::Display) -> Self {
        Self {
            expected: expected.to_string(),
            request: String::new(),
            answer: found.to_string(),
        }
    }
}

/// A complete answer with its request.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// Request as a failure quotes it.
    pub(crate) request: String,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// Body as JSON; `Null` if it is not JSON.
    pub(crate) json: Value,
}

impl Answer {
    /// Returns a failure about this answer.
    pub(crate) fn failed(&self, expected: impl fmt::Display) -> CaseFailure {
        CaseFailure {
            expected: expected.to_string(),
            request: self.request.clone(),
            answer: self.to_string(),
        }
    }

    /// Returns the text of a header; empty if it is missing.
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.and_then(|it| it.to_str().ok()).unwrap_or_default()
    }

    /// Returns the member at a JSON pointer; `Null` if it is missing.
    pub(crate) fn at(&self, pointer: &str) -> &Value {
        self.json.pointer(pointer).unwrap_or(&Value::Null)
    }

    /// Returns the text at a JSON pointer; empty if it is missing.
    pub(crate) fn text(&self, pointer: &str) -> &str {
        self.at(pointer).as_str().unwrap_or_default()
    }

    /// Returns the list at a JSON pointer; empty if it is missing.
    pub(crate) fn list(&self, pointer: &str) -> &[Value] {
        self.at(pointer).as_array().map_or(&[], Vec::as_slice)
    }

    /// Checks the status and returns the body.
    pub(crate) fn status(&self, status: u16) -> Result<&Value, CaseFailure> {
        if self.status == status {
            return Ok(&self.json);
        }
        Err(self.failed(format_args!("status {status}")))
    }

    /// Fails with `expected` unless the condition holds.
    pub(crate) fn must(&self, holds: bool, expected: impl fmt::Display) -> CheckResult {
        if holds {
            return Ok(());
        }
        Err(self.failed(expected))
    }

    /// Checks the member at a JSON pointer.
    pub(crate) fn is(&self, pointer: &str, expected: impl Into<Value>) -> CheckResult {
        let (found, expected) = (self.at(pointer), expected.into());
        let place = if pointer.is_empty() {
            "the body"
        } else {
            pointer
        };
        self.must(
            is_same(found, &expected),
            format_args!("{place} to be {expected}, not {found}"),
        )
    }

    /// Checks a header.
    pub(crate) fn header_is(&self, name: &str, expected: &str) -> CheckResult {
        let found = self.header(name);
        self.must(
            found == expected,
            format_args!("the header {name} to be \"{expected}\", not \"{found}\""),
        )
    }

    /// Checks that the answer is a complete problem document (RFC 9457) with this status and code.
    pub(crate) fn problem(&self, status: u16, code: &str) -> CheckResult {
        self.status(status)?;
        // A proxy in between may answer with the right status and a page of its own.
        self.header_is("content-type", "application/problem+json")?;
        self.is("/status", status)?;
        self.is("/code", code)?;
        for member in ["/type", "/title", "/detail", "/error"] {
            let is_text = !self.text(member).is_empty();
            self.must(is_text, format_args!("{member} to be a text"))?;
        }
        // Clients wait by this header, and must not find it where waiting does not help.
        let waits = matches!(status, 429 | 503);
        let has_end = self.header("retry-after").parse::<u32>().is_ok();
        self.must(has_end == waits, "Retry-After in seconds, with 429 and 503")
    }

    /// Checks that the answer is a problem that names exactly these members, in this order.
    pub(crate) fn names(&self, status: u16, code: &str, pointers: &[&str]) -> CheckResult {
        self.problem(status, code)?;
        let named = self.list("/errors").iter();
        let named: Vec<_> = named.filter_map(|it| it["pointer"].as_str()).collect();
        self.must(
            named == pointers,
            format_args!("`errors` to name {pointers:?}, not {named:?}"),
        )
    }
}

/// Returns true if two values are equal. Numbers are compared by value, because a server may write 1 as
/// 1.0.
pub(crate) fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            one == other || one.as_f64() == other.as_f64()
        }
        _ => one == other,
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.status)?;
        for (name, value) in &self.headers {
            if is_shown(name.as_str()) {
                writeln!(f, "{name}: {}", value.to_str().unwrap_or("(not text)"))?;
            }
        }
        f.write_str(&shortened(&self.body))
    }
}

/// Returns true for the headers that a failure quotes.
fn is_shown(name: &str) -> bool {
    matches!(
        name,
        "allow"
            | "content-type"
            | "etag"
            | "idempotency-replayed"
            | "location"
            | "retry-after"
            | "www-authenticate"
            | "x-request-id"
    )
}

/// Returns the beginning of a body as text.
pub(crate) fn shortened(body: &[u8]) -> String {
    // Lossy: hostile bodies and compressed answers are quoted too.
    let text = String::from_utf8_lossy(&body[..body.len().min(SHOWN)]);
    match body.len().checked_sub(SHOWN) {
        None | Some(0) => text.into_owned(),
        Some(more) => format!("{text}… ({more} bytes more)"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(status: u16, body: &Value) -> Answer {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", "application/problem+json".parse().unwrap());
        Answer {
            request: "GET /".into(),
            status,
            headers,
            body: body.to_string().into_bytes(),
            json: body.clone(),
        }
    }

    fn problem() -> Value {
        json!({
            "type": "urn:x", "title": "x", "detail": "x", "error": "x", "status": 422,
            "code": "invalid", "errors": [{"pointer": "/title", "detail": "x"}]
        })
    }

    #[test]
    fn complete_problem_passes() {
        let answer = answer(422, &problem());
        assert_eq!(answer.names(422, "invalid", &["/title"]), Ok(()));
    }

    #[test]
    fn every_defect_of_a_problem_is_found() {
        for (pointer, wrong) in [
            ("/status", json!(400)),
            ("/code", json!("other")),
            ("/detail", json!("")),
            ("/type", json!(7)),
            ("/errors/0/pointer", json!("title")),
            ("/errors", json!([])),
        ] {
            let mut body = problem();
            *body.pointer_mut(pointer).unwrap() = wrong;
            let found = answer(422, &body).names(422, "invalid", &["/title"]);
            assert!(found.is_err(), "{pointer}");
        }
        assert!(answer(400, &problem()).problem(422, "invalid").is_err());
        let mut plain = answer(422, &problem());
        plain.headers.clear();
        assert!(plain.problem(422, "invalid").is_err());
        let mut waiting = problem();
        waiting["status"] = json!(429);
        assert!(answer(429, &waiting).problem(429, "invalid").is_err());
    }

    #[test]
    fn numbers_are_compared_by_value() {
        assert!(is_same(&json!(1), &json!(1.0)));
        assert!(!is_same(&json!(1), &json!("1")));
        assert!(!is_same(&json!(1), &json!(1.001)));
    }
}

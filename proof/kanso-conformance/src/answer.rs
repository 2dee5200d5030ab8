//! What a request was answered, and what is wrong with it.

use std::fmt;

use reqwest::header::HeaderMap;
use serde::Serialize;
use serde_json::Value;

/// How a case ends.
pub(crate) type Outcome = Result<(), Failure>;

/// More of a body than this helps nobody to read a failure. Bytes.
const SHOWN: usize = 1_500;

/// A promise that was not kept: what was asked, what came, and what should have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// What should have come.
    pub expected: String,
    /// The request; empty when it is not about a single one.
    pub request: String,
    /// What was answered.
    pub answer: String,
}

impl Failure {
    /// A failure that no single answer shows.
    pub(crate) fn new(expected: impl fmt::Display, found: impl fmt::Display) -> Self {
        Self {
            expected: expected.to_string(),
            request: String::new(),
            answer: found.to_string(),
        }
    }
}

/// An answer that was read to its end, and the request.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// The request as it is shown in a failure.
    pub(crate) request: String,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// The body; `Null` when it is not JSON.
    pub(crate) json: Value,
}

impl Answer {
    /// A failure of this answer.
    pub(crate) fn failed(&self, expected: impl fmt::Display) -> Failure {
        Failure {
            expected: expected.to_string(),
            request: self.request.clone(),
            answer: self.to_string(),
        }
    }

    /// The header's text; empty when there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.and_then(|it| it.to_str().ok()).unwrap_or_default()
    }

    /// The member at this JSON pointer; `Null` when there is none.
    pub(crate) fn at(&self, pointer: &str) -> &Value {
        self.json.pointer(pointer).unwrap_or(&Value::Null)
    }

    /// The text at this JSON pointer; empty when there is none.
    pub(crate) fn text(&self, pointer: &str) -> &str {
        self.at(pointer).as_str().unwrap_or_default()
    }

    /// The list at this JSON pointer; empty when there is none.
    pub(crate) fn list(&self, pointer: &str) -> &[Value] {
        self.at(pointer).as_array().map_or(&[], Vec::as_slice)
    }

    /// The answer must have this status.
    pub(crate) fn status(&self, status: u16) -> Result<&Value, Failure> {
        if self.status == status {
            return Ok(&self.json);
        }
        Err(self.failed(format_args!("status {status}")))
    }

    /// This must hold of the answer.
    pub(crate) fn must(&self, holds: bool, expected: impl fmt::Display) -> Outcome {
        if holds {
            return Ok(());
        }
        Err(self.failed(expected))
    }

    /// The member at this JSON pointer must be this.
    pub(crate) fn is(&self, pointer: &str, expected: impl Into<Value>) -> Outcome {
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

    /// The header must be this.
    pub(crate) fn header_is(&self, name: &str, expected: &str) -> Outcome {
        let found = self.header(name);
        self.must(
            found == expected,
            format_args!("the header {name} to be \"{expected}\", not \"{found}\""),
        )
    }

    /// The answer must be a problem document of this status and code.
    pub(crate) fn problem(&self, status: u16, code: &str) -> Outcome {
        self.status(status)?;
        self.header_is("content-type", "application/problem+json")?;
        self.is("/status", status)?;
        self.is("/code", code)?;
        for member in ["/type", "/title", "/detail", "/error"] {
            let is_said = !self.text(member).is_empty();
            self.must(is_said, format_args!("{member} to be a text"))?;
        }
        let waits = matches!(status, 429 | 503);
        let has_end = self.header("retry-after").parse::<u32>().is_ok();
        self.must(has_end == waits, "Retry-After in seconds, with 429 and 503")
    }

    /// The answer must be a problem that names these members and no others.
    pub(crate) fn names(&self, status: u16, code: &str, pointers: &[&str]) -> Outcome {
        self.problem(status, code)?;
        let named = self.list("/errors").iter();
        let named: Vec<_> = named.filter_map(|it| it["pointer"].as_str()).collect();
        self.must(
            named == pointers,
            format_args!("`errors` to name {pointers:?}, not {named:?}"),
        )
    }
}

/// Whether two values are the same; numbers are compared as numbers, so that 1 is 1.0.
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

/// Whether a header says more about an answer than that it is one.
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

/// The beginning of a body as text.
pub(crate) fn shortened(body: &[u8]) -> String {
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
    fn a_problem_is_taken_for_one() {
        let answer = answer(422, &problem());
        assert_eq!(answer.names(422, "invalid", &["/title"]), Ok(()));
    }

    #[test]
    fn each_flaw_of_a_problem_is_found() {
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
    fn a_number_is_the_same_in_every_spelling() {
        assert!(is_same(&json!(1), &json!(1.0)));
        assert!(!is_same(&json!(1), &json!("1")));
        assert!(!is_same(&json!(1), &json!(1.001)));
    }
}

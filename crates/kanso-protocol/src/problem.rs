//! Errors: RFC 9457 problem details.

use kanso_domain::validation::FieldError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What went wrong, for a program (`code`) and for a person (`title`, `detail`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "type": "urn:kanso:problem:invalid",
    "title": "The request is not valid",
    "status": 422,
    "detail": "title: must have at least 1 character(s) after trimming",
    "code": "invalid",
    "request_id": "0198c2f4-8b7e-7c3a-9d2e-4f5a6b7c8d9e",
    "errors": [{"pointer": "/title", "detail": "must have at least 1 character(s) after trimming"}],
    "error": "The request is not valid"
}))]
pub struct Problem {
    /// A URI that names the kind of problem; it is an identifier, nothing needs to be there.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind of problem in a few words, the same each time.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong with this request.
    pub detail: String,
    /// The kind of problem, for programs. Stable.
    pub code: String,
    /// The id of the request, also in the header `X-Request-Id` and in the server's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The members at fault, each with a JSON pointer (RFC 6901) into the body.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<MemberError>,
    /// The same as `title`: what the first clients read.
    pub error: String,
    /// With a conflict, the stored record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub record: Option<serde_json::Value>,
    /// With a conflict, the members on which the request and the stored record disagree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clashing: Option<Vec<String>>,
    /// With a conflict, the members that the request could change alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mergeable: Option<Vec<String>>,
}

/// One member at fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MemberError {
    /// A JSON pointer (RFC 6901) into the body; for a parameter, its name after a slash.
    #[schema(example = "/title")]
    pub pointer: String,
    /// What is wrong with it.
    #[schema(example = "must have at most 100 characters after trimming")]
    pub detail: String,
}

impl MemberError {
    /// The error of a member of the whole body.
    pub fn of_body(error: &FieldError) -> Self {
        Self::below("", error)
    }

    /// The error of a member of the object that `pointer` points to.
    pub(crate) fn below(pointer: &str, error: &FieldError) -> Self {
        let pointer = if error.field.is_empty() {
            pointer.to_owned()
        } else {
            format!("{pointer}/{}", error.field)
        };
        Self {
            pointer,
            detail: error.reason.clone(),
        }
    }
}

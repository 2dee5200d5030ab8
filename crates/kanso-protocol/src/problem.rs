//! Errors as problem details (RFC 9457).
//!
//! # Examples
//! ```
//! use kanso_protocol::problem::Problem;
//!
//! let problem: Problem = serde_json::from_str(
//!     r#"{"type": "urn:kanso:problem:gone", "title": "The record was deleted", "status": 410,
//!         "detail": "the record, or its habit, was deleted", "code": "gone",
//!         "error": "The record was deleted"}"#,
//! )?;
//! assert_eq!((problem.status, problem.code.as_str()), (410, "gone"));
//! assert!(problem.errors.is_empty());
//! # Ok::<(), serde_json::Error>(())
//! ```

use kanso_domain::validation::FieldError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Problem details (RFC 9457). Programs decide by `code`; `title` and `detail` are for people.
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
    /// URI of the kind of problem, `urn:kanso:problem:<code>`. An identifier, not an address.
    #[serde(rename = "type")]
    pub kind: String,
    /// Short name of the kind of problem. The same for every problem with this `code`.
    pub title: String,
    /// HTTP status of the answer.
    pub status: u16,
    /// Explanation of this occurrence, for people. The text may change between versions.
    pub detail: String,
    /// Kind of problem, for programs. Stable between versions.
    pub code: String,
    /// Id of the request, as in the header `X-Request-Id` and in the server's log. Left out of a 404.
    // Optional for the 404, whose body must not differ between a hidden and a missing record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Invalid members of the body or parameters of the request. Left out if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<MemberError>,
    /// Same as `title`, for clients of the first version of the API.
    // RFC 9457 §3.2 allows further members, so the old one stands beside the standard ones.
    pub error: String,
    /// With `conflict`: the stored record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    // A value and not an enum of records: without a tag, serde would have to guess the type.
    pub record: Option<serde_json::Value>,
    /// With `conflict`: names of the members that the request and the stored record set differently.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clashing: Option<Vec<String>>,
    /// With `conflict`: names of the members that the request alone changes, so they could merge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mergeable: Option<Vec<String>>,
    /// With `epoch_changed`: newest position up to which the present history is the same as the one of
    /// the cursor. What a client read after it was lost, whatever its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0)]
    pub history_start: Option<i64>,
}

/// An invalid member of a body, or an invalid parameter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MemberError {
    /// JSON pointer (RFC 6901) into the body. For a parameter or a header: `/` and its name.
    #[schema(example = "/title")]
    pub pointer: String,
    /// Reason why the value is refused.
    #[schema(example = "must have at most 100 characters after trimming")]
    pub detail: String,
}

impl MemberError {
    /// Returns the error of a member, with its pointer from the root of the body.
    ///
    /// # Examples
    /// ```
    /// use kanso_domain::FieldError;
    /// use kanso_protocol::problem::MemberError;
    ///
    /// let error = MemberError::of_body(&FieldError::new("title", "is required"));
    /// assert_eq!(error.pointer, "/title");
    ///
    /// // An error about the body as a whole points to the root.
    /// let error = MemberError::of_body(&FieldError::new("", "must be an object"));
    /// assert_eq!(error.pointer, "");
    /// ```
    pub fn of_body(error: &FieldError) -> Self {
        // Without a field the error is about the body as a whole. A trailing slash would point to a
        // member with an empty name (RFC 6901 §5).
        let pointer = if error.field.is_empty() {
            String::new()
        } else {
            format!("/{}", error.field)
        };
        Self {
            pointer,
            detail: error.reason.clone(),
        }
    }
}

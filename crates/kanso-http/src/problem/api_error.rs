//! The error of a request, and its answer.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use kanso_application::Fault;
use kanso_application::ports::credentials::PasswordFault;
use kanso_application::ports::storage::StorageError;
use kanso_domain::sync::{Conflict, CursorRefusal};
use kanso_domain::{Entity, FieldError, Invalid, Seq};
use kanso_protocol::ReadError;
use kanso_protocol::problem::{MemberError, Problem};
use kanso_protocol::sync::ConflictBody;

use super::{Code, PROBLEM_JSON};

/// The error of a request that is not carried out. Boxed, because most results are successes.
#[derive(Debug)]
pub(crate) struct ApiError(Box<Parts>);

#[derive(Debug)]
struct Parts {
    code: Code,
    detail: Option<String>,
    errors: Vec<MemberError>,
    conflict: Option<ConflictBody>,
    history_start: Option<Seq>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl From<Code> for ApiError {
    fn from(code: Code) -> Self {
        let error = Self(Box::new(Parts {
            code,
            detail: None,
            errors: Vec::new(),
            conflict: None,
            history_start: None,
            headers: Vec::new(),
        }));
        let error = match code.retry_after() {
            Some(seconds) => error.retry_after(seconds),
            None => error,
        };
        // A 401 must have a challenge (RFC 9110 §15.5.2).
        if code.status() == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer");
            return error.header(header::WWW_AUTHENTICATE, challenge);
        }
        error
    }
}

impl ApiError {
    /// Returns the code of the problem.
    pub(crate) fn code(&self) -> Code {
        self.0.code
    }

    /// Sets the explanation of this occurrence.
    pub(crate) fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// Adds a header, or replaces the one of the same name.
    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.retain(|(other, _)| *other != name);
        self.0.headers.push((name, value));
        self
    }

    /// Sets the seconds after which the client may retry.
    pub(crate) fn retry_after(self, seconds: u32) -> Self {
        self.header(header::RETRY_AFTER, seconds.into())
    }

    /// Returns the error of invalid members or parameters.
    pub(crate) fn members(code: Code, errors: &[FieldError]) -> Self {
        // The detail repeats the members for clients that show only one text.
        let detail: Vec<_> = errors.iter().map(ToString::to_string).collect();
        let mut error = Self::from(code).with_detail(detail.join("; "));
        error.0.errors = errors.iter().map(MemberError::of_body).collect();
        error
    }

    /// Returns the error of a record that is unknown, deleted, or of another account. All three look
    /// the same, so an id cannot be probed.
    pub(crate) fn not_found(entity: Entity) -> Self {
        match entity {
            Entity::Habit => Code::HabitNotFound.into(),
            Entity::Entry => Code::EntryNotFound.into(),
        }
    }

    /// Returns the error of an edit that is based on an older state of the record.
    pub(crate) fn conflict(conflict: &Conflict) -> Self {
        let mut error = Self::from(Code::Conflict);
        error.0.conflict = Some(ConflictBody::new(conflict));
        error
    }

    /// Sets the position up to which the history of the client's cursor is the same as the present one.
    pub(crate) fn with_history_start(mut self, start: Seq) -> Self {
        self.0.history_start = Some(start);
        self
    }

    /// Returns the problem document without the request id, and the headers.
    fn into_problem(self) -> (Problem, Vec<(HeaderName, HeaderValue)>) {
        let Parts {
            code,
            detail,
            errors,
            conflict,
            history_start,
            headers,
        } = *self.0;
        let (record, members) = conflict
            .map(|it| (it.record, (it.clashing, it.mergeable)))
            .unzip();
        let (clashing, mergeable) = members.unzip();
        let problem = Problem {
            kind: code.uri(),
            title: code.title().to_owned(),
            status: code.status().as_u16(),
            detail: detail.unwrap_or_else(|| code.detail().to_owned()),
            code: code.as_str().to_owned(),
            request_id: None,
            errors,
            error: code.title().to_owned(),
            record,
            clashing,
            mergeable,
            history_start: history_start.map(Seq::get),
        };
        (problem, headers)
    }
}

impl From<Invalid> for ApiError {
    fn from(invalid: Invalid) -> Self {
        Self::members(Code::Invalid, invalid.errors())
    }
}

impl From<ReadError> for ApiError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::NotJson(_) => Self::from(Code::Malformed).with_detail(error.to_string()),
            ReadError::TooDeep => Code::TooDeep.into(),
            ReadError::WrongShape(error) => Self::members(Code::Invalid, &[error]),
        }
    }
}

impl From<CursorRefusal> for Code {
    fn from(error: CursorRefusal) -> Self {
        match error {
            CursorRefusal::EpochChanged => Self::EpochChanged,
            CursorRefusal::Ahead => Self::CursorAhead,
            CursorRefusal::Expired => Self::CursorExpired,
        }
    }
}

impl From<CursorRefusal> for ApiError {
    fn from(error: CursorRefusal) -> Self {
        Code::from(error).into()
    }
}

impl From<Fault> for ApiError {
    /// Logs the fault and returns its problem.
    ///
    /// This is the only place that logs a fault. The details go to the log and not to the client:
    /// they may contain SQL, addresses or values of other users.
    fn from(fault: Fault) -> Self {
        let code = match &fault {
            // The token was valid and its account was deleted since: an ordinary event, not a fault.
            Fault::AccountGone => return Code::Unauthorized.into(),
            // The state of the disk was logged when it changed.
            Fault::DiskFull => return Code::DiskFull.into(),
            Fault::Password(PasswordFault::Busy) => Code::Busy,
            Fault::Storage(StorageError::Unavailable(_)) => Code::Unavailable,
            // These need an operator, so the client is not told to retry.
            Fault::Storage(StorageError::Corrupt(_))
            | Fault::Password(PasswordFault::Broken(_))
            | Fault::Signing(_) => Code::Internal,
        };
        let error = &fault as &dyn std::error::Error;
        if code == Code::Internal {
            tracing::error!(error, "request failed");
        } else {
            tracing::warn!(error, "request failed, retryable");
        }
        code.into()
    }
}

/// A problem document whose body is not written yet.
///
/// It travels in the extensions of the answer to the `access` layer, which knows the request id.
#[derive(Clone, Debug)]
pub(crate) struct PendingProblem(Code, Problem);

impl PendingProblem {
    /// Returns the kind of the problem.
    pub(crate) const fn code(&self) -> Code {
        self.0
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let code = self.0.code;
        let status = code.status();
        let (problem, headers) = self.into_problem();
        let mut response = status.into_response();
        response.headers_mut().extend(headers);
        response
            .extensions_mut()
            .insert(PendingProblem(code, problem));
        response
    }
}

/// Writes a problem document into the body of `response`.
///
/// A 404 has no request id in its body: the answer for a record of another account is, byte for byte,
/// the answer for a record that does not exist.
pub(crate) fn write_problem(response: &mut Response, problem: PendingProblem, request_id: &str) {
    let PendingProblem(_, mut problem) = problem;
    if problem.status != StatusCode::NOT_FOUND.as_u16() {
        problem.request_id = Some(request_id.to_owned());
    }
    // Strings, numbers and JSON values cannot fail to serialize.
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    // axum set the length of the empty body that this one replaces.
    headers.remove(header::CONTENT_LENGTH);
    *response.body_mut() = Body::from(body);
}

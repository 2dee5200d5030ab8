//! A request that is not carried out, on its way out.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use kanso_application::Fault;
use kanso_application::ports::credentials::PasswordFault;
use kanso_application::ports::storage::StorageError;
use kanso_domain::sync::{Conflict, CursorRefusal};
use kanso_domain::{Entity, FieldError, Invalid};
use kanso_protocol::ReadError;
use kanso_protocol::problem::{MemberError, Problem};
use kanso_protocol::sync::ConflictBody;

use super::{Code, PROBLEM_JSON};

/// Why a request is not carried out.
#[derive(Debug)]
pub(crate) struct ApiError(Box<Parts>);

#[derive(Debug)]
struct Parts {
    code: Code,
    detail: Option<String>,
    errors: Vec<MemberError>,
    conflict: Option<ConflictBody>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl From<Code> for ApiError {
    fn from(code: Code) -> Self {
        let refusal = Self(Box::new(Parts {
            code,
            detail: None,
            errors: Vec::new(),
            conflict: None,
            headers: Vec::new(),
        }));
        let refusal = match code.retry_after() {
            Some(seconds) => refusal.retry_after(seconds),
            None => refusal,
        };
        if code.status() == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer");
            return refusal.header(header::WWW_AUTHENTICATE, challenge);
        }
        refusal
    }
}

impl ApiError {
    /// The same with a word on what is wrong with this request.
    pub(crate) fn because(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// The same with a header; one of the same name is replaced.
    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.retain(|(other, _)| *other != name);
        self.0.headers.push((name, value));
        self
    }

    /// The same with the seconds after which to try again.
    pub(crate) fn retry_after(self, seconds: u32) -> Self {
        self.header(header::RETRY_AFTER, seconds.into())
    }

    /// Members that cannot be accepted.
    pub(crate) fn members(code: Code, errors: &[FieldError]) -> Self {
        let detail: Vec<_> = errors.iter().map(ToString::to_string).collect();
        let mut refusal = Self::from(code).because(detail.join("; "));
        refusal.0.errors = errors.iter().map(MemberError::of_body).collect();
        refusal
    }

    /// No record of `entity`: unknown, deleted or somebody else's, which look the same.
    pub(crate) fn not_found(entity: Entity) -> Self {
        match entity {
            Entity::Habit => Code::HabitNotFound.into(),
            Entity::Entry => Code::EntryNotFound.into(),
        }
    }

    /// An edit that builds on another state than the stored one.
    pub(crate) fn conflict(conflict: &Conflict) -> Self {
        let mut refusal = Self::from(Code::Conflict);
        refusal.0.conflict = Some(ConflictBody::new(conflict));
        refusal
    }

    /// The problem document, still without the request's id.
    fn into_problem(self) -> (Problem, Vec<(HeaderName, HeaderValue)>) {
        let Parts {
            code,
            detail,
            errors,
            conflict,
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
            ReadError::NotJson(_) => Self::from(Code::Malformed).because(error.to_string()),
            ReadError::TooDeep => Code::TooDeep.into(),
            ReadError::WrongShape(error) => Self::members(Code::Invalid, &[error]),
        }
    }
}

impl From<CursorRefusal> for Code {
    fn from(refusal: CursorRefusal) -> Self {
        match refusal {
            CursorRefusal::EpochChanged => Self::EpochChanged,
            CursorRefusal::Ahead => Self::CursorAhead,
            CursorRefusal::Expired => Self::CursorExpired,
        }
    }
}

impl From<CursorRefusal> for ApiError {
    fn from(refusal: CursorRefusal) -> Self {
        Code::from(refusal).into()
    }
}

impl From<Fault> for ApiError {
    /// The one place where a fault is noted: what it says to the log it does not say to the client.
    fn from(fault: Fault) -> Self {
        let code = match &fault {
            Fault::AccountGone => return Code::Unauthorized.into(),
            Fault::Password(PasswordFault::Busy) => Code::Busy,
            Fault::Storage(StorageError::Unavailable(_)) => Code::Unavailable,
            Fault::Storage(StorageError::Corrupt(_))
            | Fault::Password(PasswordFault::Broken(_))
            | Fault::Signing(_) => Code::Internal,
        };
        let error = &fault as &dyn std::error::Error;
        if code == Code::Internal {
            tracing::error!(error, "a request failed");
        } else {
            tracing::warn!(error, "a request must be repeated");
        }
        code.into()
    }
}

/// A problem document whose body is written when the answer leaves.
#[derive(Clone, Debug)]
pub(crate) struct Unwritten(Code, Problem);

impl Unwritten {
    /// Which kind of problem it is.
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
        response.extensions_mut().insert(Unwritten(code, problem));
        response
    }
}

/// Writes a problem document into the body of `response`. A 404 does not name the request: one
/// for somebody else's record is, byte for byte, one for a record that does not exist.
pub(crate) fn write(response: &mut Response, problem: Unwritten, request_id: &str) {
    let Unwritten(_, mut problem) = problem;
    if problem.status != StatusCode::NOT_FOUND.as_u16() {
        problem.request_id = Some(request_id.to_owned());
    }
    // Strings, numbers and JSON values cannot fail to serialize.
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    headers.remove(header::CONTENT_LENGTH);
    *response.body_mut() = Body::from(body);
}

//! The header `Idempotency-Key`: a call with it may be retried without a second effect.

use axum::extract::FromRequestParts;
use http::HeaderName;
use http::request::Parts;
use kanso_application::RetryKey;
use kanso_domain::FieldError;
use kanso_domain::sync::FingerprintForm;
use kanso_protocol::idempotency::{self, Call, Content};
use uuid::Uuid;

use crate::problem::{ApiError, Code};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The key of a request, if it has one (IETF draft-ietf-httpapi-idempotency-key-header).
#[derive(Clone, Debug)]
pub(crate) struct IdempotencyKey {
    key: Option<String>,
    method: String,
    path: String,
}

impl<S: Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        // Two keys would name two receipts, so a request with both is refused.
        let mut given = parts.headers.get_all(IDEMPOTENCY_KEY).iter();
        let key = match (given.next(), given.next()) {
            (None, _) => None,
            (Some(key), None) => Some(key.to_str().map_err(|_| refused())?.to_owned()),
            (Some(_), Some(_)) => return Err(refused()),
        };
        if key.as_ref().is_some_and(|key| !idempotency::is_key(key)) {
            return Err(refused());
        }
        Ok(Self {
            key,
            method: parts.method.as_str().to_owned(),
            path: parts.uri.path().to_owned(),
        })
    }
}

fn refused() -> ApiError {
    let reason = "must be given once, as 1 to 255 visible ASCII characters";
    let error = FieldError::new("Idempotency-Key", reason);
    ApiError::members(Code::InvalidParameter, &[error])
}

impl IdempotencyKey {
    /// Returns the key of attempt number `nth` of this request, which asks for `content`. Its
    /// fingerprint is written in `form`.
    pub(crate) fn attempt(
        &self,
        form: FingerprintForm,
        nth: usize,
        content: Content<'_>,
    ) -> RetryKey {
        let key = self.key.as_ref().map(|key| {
            let call = Call {
                method: &self.method,
                path: &self.path,
                nth,
                content,
            };
            idempotency::receipt_key(form, key, &call)
        });
        RetryKey { key }
    }

    /// Returns the id for the created record if the request names none. A retry gets the same id.
    pub(crate) fn id(&self) -> Option<Uuid> {
        self.key.as_ref().map(|key| idempotency::id_of(key))
    }
}

//! Strict query parameters.

use axum::extract::{FromRequestParts, Query};
use http::request::Parts;
use kanso_domain::FieldError;
use kanso_protocol::{UNKNOWN_MEMBER, shown_name};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::problem::{ApiError, Code};

/// The query parameters of an operation, each a text. Unknown and repeated parameters are refused.
///
/// A misspelt filter would otherwise be ignored, and the answer would look right.
pub(crate) struct StrictQuery<T>(pub(crate) T);

/// Reads a parameter that is `true` or `false`; left out, it is `false`.
pub(crate) fn flag(name: &'static str, given: Option<&str>) -> Result<bool, ApiError> {
    match given {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => {
            let error = FieldError::new(name, "must be true or false");
            Err(ApiError::members(Code::InvalidParameter, &[error]))
        }
    }
}

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for StrictQuery<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let refused = |error| ApiError::members(Code::InvalidParameter, &[error]);
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map_err(|_| Code::InvalidParameter)?;
        // Through a JSON object, so that parameters and bodies have the same errors.
        let mut members = Map::new();
        for (name, value) in pairs.0 {
            if members.contains_key(&name) {
                let name = shown_name(&name).into_owned();
                return Err(refused(FieldError::new(name, "must be given once")));
            }
            members.insert(name, Value::String(value));
        }
        match kanso_protocol::read_value(Value::Object(members)) {
            Ok(parameters) => Ok(Self(parameters)),
            Err(error) => {
                // The reason for a member also says "owned by the server", and the server owns no
                // parameters.
                let reason = match error.reason {
                    reason if reason == UNKNOWN_MEMBER => "is unknown here".to_owned(),
                    reason => reason,
                };
                Err(refused(FieldError::new(error.field, reason)))
            }
        }
    }
}

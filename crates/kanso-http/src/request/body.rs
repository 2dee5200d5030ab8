//! Strict JSON bodies of at most 1 MiB.
//!
//! A full push of 500 operations fits with 2 kB for each, which is an entry with long notes. The
//! limit bounds the memory of a request before anything is known about its sender.

use std::error::Error;
use std::io;

use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::{FromRequest, Request};
use futures::StreamExt as _;
use http::{HeaderMap, header};
use kanso_protocol::MAX_BODY_BYTES;
use serde::de::DeserializeOwned;

use crate::problem::{ApiError, Code};

/// Maximum size of a refused body that is still read, in bytes.
///
/// Many clients read the answer only after they have sent the whole body. If the server closes the
/// connection earlier, they see a reset and not the 413. A body above this size gets the reset.
const MAX_DISCARDED_BYTES: usize = 8 * MAX_BODY_BYTES;

/// The value of a JSON body.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        if !is_json(&parts.headers) {
            return Err(Code::UnsupportedMediaType.into());
        }
        let bytes = collect(&parts.headers, body).await?;
        Ok(Self(kanso_protocol::read(&bytes)?))
    }
}

/// The value of a JSON body that may be left out.
pub(crate) struct OptionalJsonBody<T>(pub(crate) Option<T>);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for OptionalJsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let bytes = collect(&parts.headers, body).await?;
        if bytes.is_empty() {
            return Ok(Self(None));
        }
        if !is_json(&parts.headers) {
            return Err(Code::UnsupportedMediaType.into());
        }
        // `null` is no body either.
        Ok(Self(kanso_protocol::read(&bytes)?))
    }
}

/// Returns true if the headers announce JSON in UTF-8 without a content encoding.
///
/// A compressed body would be small on the wire and large in memory, past the limit of its size.
fn is_json(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let is_encoded = text(header::CONTENT_ENCODING)
        .is_some_and(|coding| !coding.trim().eq_ignore_ascii_case("identity"));
    let Some(media_type) = text(header::CONTENT_TYPE) else {
        return false;
    };
    let mut parts = media_type.split(';').map(str::trim);
    let is_json = parts
        .next()
        .is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"));
    let is_utf8 = parts.all(|parameter| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let value = value.trim().trim_matches('"');
        !name.trim().eq_ignore_ascii_case("charset") || value.eq_ignore_ascii_case("utf-8")
    });
    is_json && is_utf8 && !is_encoded
}

async fn collect(headers: &HeaderMap, body: Body) -> Result<Bytes, ApiError> {
    // An announced size is refused before a byte of the body is stored.
    let length: Option<usize> = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    if length.is_some_and(|length| length > MAX_BODY_BYTES) {
        // With `Expect: 100-continue` the client has not sent the body yet. Reading it would make
        // hyper ask for it.
        if !headers.contains_key(header::EXPECT) {
            discard(body.into_data_stream(), length.unwrap_or_default()).await;
        }
        return Err(Code::BodyTooLarge.into());
    }
    let mut stream = body.into_data_stream();
    let mut first = match stream.next().await {
        None => return Ok(Bytes::new()),
        Some(chunk) => chunk.map_err(broken)?,
    };
    // Most bodies arrive in one chunk, which is used as it is, without a copy.
    let mut whole = Vec::new();
    while let Some(chunk) = stream.next().await {
        if whole.is_empty() {
            whole = std::mem::take(&mut first).into();
        }
        whole.extend_from_slice(&chunk.map_err(broken)?);
        // A chunked body has no announced size, so the limit is checked with every chunk.
        if whole.len() > MAX_BODY_BYTES {
            discard(stream, 0).await;
            return Err(Code::BodyTooLarge.into());
        }
    }
    if first.len() > MAX_BODY_BYTES {
        return Err(Code::BodyTooLarge.into());
    }
    Ok(if whole.is_empty() {
        first
    } else {
        whole.into()
    })
}

async fn discard(mut stream: BodyDataStream, announced: usize) {
    let mut discarded = 0;
    // Both counts matter: a body may announce no size or send more than it announced.
    while announced <= MAX_DISCARDED_BYTES
        && discarded <= MAX_DISCARDED_BYTES
        && let Some(Ok(chunk)) = stream.next().await
    {
        discarded += chunk.len();
    }
}

/// Returns the error of a body that did not arrive completely.
fn broken(error: axum::Error) -> ApiError {
    // The server's reader reports a stalled body as `TimedOut`, which hyper and axum wrap.
    let error = error.into_inner();
    let mut cause: Option<&(dyn Error + 'static)> = Some(&*error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>()
            && error.kind() == io::ErrorKind::TimedOut
        {
            return Code::RequestTimeout.into();
        }
        cause = error.source();
    }
    ApiError::from(Code::Malformed).with_detail("the connection ended before the body was complete")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_json_in_utf8_is_read() {
        let is_accepted = |name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(
                header::CONTENT_TYPE,
                "application/json".parse().expect("ASCII"),
            );
            headers.insert(name, value.parse().expect("ASCII"));
            is_json(&headers)
        };
        for (value, expected) in [
            ("application/json", true),
            ("Application/JSON; Charset=\"UTF-8\"", true),
            ("application/json;charset=utf-8;v=1", true),
            ("application/json; charset=latin1", false),
            ("application/jsonp", false),
            ("text/json", false),
            ("application/x-www-form-urlencoded", false),
            ("", false),
        ] {
            assert_eq!(is_accepted("content-type", value), expected, "{value}");
        }
        assert!(is_accepted("content-encoding", "identity"));
        assert!(!is_accepted("content-encoding", "gzip"));
        assert!(!is_json(&HeaderMap::new()));
    }
}

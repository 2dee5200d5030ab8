//! JSON bodies, read strictly.

use std::error::Error;
use std::io;

use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::{FromRequest, Request};
use futures::StreamExt as _;
use http::{HeaderMap, header};
use kanso_protocol::MAX_BODY_BYTES;
use serde::de::DeserializeOwned;

use crate::problem::{ApiError, Code};

/// So much of a body that is too large is read and thrown away, so that a client that is still
/// sending gets to the answer; a larger one meets a closed connection.
const MAX_DISCARDED_BYTES: usize = 8 * MAX_BODY_BYTES;

/// A body of JSON.
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

/// Whether the body is said to be JSON in UTF-8, as it stands.
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
    let length: Option<usize> = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    if length.is_some_and(|length| length > MAX_BODY_BYTES) {
        // A client that asks before it sends need not send.
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
    // Most bodies are one chunk, which needs no copy.
    let mut whole = Vec::new();
    while let Some(chunk) = stream.next().await {
        if whole.is_empty() {
            whole = std::mem::take(&mut first).into();
        }
        whole.extend_from_slice(&chunk.map_err(broken)?);
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
    while announced <= MAX_DISCARDED_BYTES
        && discarded <= MAX_DISCARDED_BYTES
        && let Some(Ok(chunk)) = stream.next().await
    {
        discarded += chunk.len();
    }
}

/// A body that did not arrive whole.
fn broken(error: axum::Error) -> ApiError {
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
    ApiError::from(Code::Malformed).because("the body broke off")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_in_utf8_is_read_and_nothing_else() {
        let says = |name: &'static str, value: &str| {
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
            assert_eq!(says("content-type", value), expected, "{value}");
        }
        assert!(says("content-encoding", "identity"));
        assert!(!says("content-encoding", "gzip"));
        assert!(!is_json(&HeaderMap::new()));
    }
}

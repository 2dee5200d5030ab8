//! A file of the pages, compressed at most once for each encoding.

use std::convert::Infallible;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use tokio::sync::OnceCell;
use tower::{Layer as _, ServiceExt as _, service_fn};
use tower_http::compression::CompressionLayer;

use crate::problem::{ApiError, Code};
use crate::request::has_tag;

/// A file, and what its answers have in common.
pub(super) struct PageFile {
    content_type: HeaderValue,
    /// Entity tag of the content, without the mark of a weak one.
    tag: String,
    plain: Bytes,
    gzip: OnceCell<Bytes>,
    zstd: OnceCell<Bytes>,
}

impl PageFile {
    /// Returns a file of the media type `content_type`.
    pub(super) fn new(content_type: &str, content: Vec<u8>) -> Result<Self, ApiError> {
        // Every text file of the pages is UTF-8. Without this a browser guesses.
        let content_type = if content_type.starts_with("text/") {
            format!("{content_type}; charset=utf-8")
        } else {
            content_type.to_owned()
        };
        // Another build may hash differently. A browser then loads the file once more.
        let mut hasher = DefaultHasher::new();
        content.hash(&mut hasher);
        Ok(Self {
            content_type: HeaderValue::try_from(content_type).map_err(|_| Code::Internal)?,
            tag: format!("\"{:016x}\"", hasher.finish()),
            plain: content.into(),
            gzip: OnceCell::new(),
            zstd: OnceCell::new(),
        })
    }

    /// Returns the file in the encoding that the client prefers, or 304 if the client has it.
    pub(super) async fn answer(&self, headers: &HeaderMap) -> Result<Response, ApiError> {
        let mut response = if has_tag(headers, &self.tag) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            self.encoded(headers).await?
        };
        // Weak, because the same tag stands for every encoding (RFC 9110 §8.8.1).
        let tag = HeaderValue::try_from(format!("W/{}", self.tag)).map_err(|_| Code::Internal)?;
        let answered = response.headers_mut();
        answered.insert(header::ETAG, tag);
        // The names of the files have no version, so a new release must be seen within the hour.
        let cached = HeaderValue::from_static("public, max-age=3600");
        answered.insert(header::CACHE_CONTROL, cached);
        let varies = HeaderValue::from_static("accept-encoding");
        answered.insert(header::VARY, varies);
        Ok(response)
    }

    /// Returns the file in the encoding that the compression layer chooses. The first answer of an
    /// encoding compresses the file, and the others get the same bytes.
    async fn encoded(&self, headers: &HeaderMap) -> Result<Response, ApiError> {
        let mut request = Request::new(Body::empty());
        *request.headers_mut() = headers.clone();
        let plain = service_fn(async |_: Request| Ok::<_, Infallible>(self.plain()));
        // At the default level and not at the fastest one: the effort is made once.
        let Ok(response) = CompressionLayer::new().layer(plain).oneshot(request).await;
        let (parts, body) = response.into_parts();
        let stored = match parts.headers.get(header::CONTENT_ENCODING) {
            Some(encoding) if encoding == "gzip" => &self.gzip,
            Some(encoding) if encoding == "zstd" => &self.zstd,
            _ => return Ok(Response::from_parts(parts, Body::new(body))),
        };
        // The body compresses the file while it is read. If the bytes are stored, it is dropped
        // unread.
        let compress = || to_bytes(Body::new(body), usize::MAX);
        let bytes = stored.get_or_try_init(compress).await.map_err(|error| {
            tracing::error!(%error, "page not compressed");
            Code::Internal
        })?;
        Ok(Response::from_parts(parts, Body::from(bytes.clone())))
    }

    fn plain(&self) -> Response {
        let content_type = [(header::CONTENT_TYPE, self.content_type.clone())];
        (content_type, self.plain.clone()).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the body of the answer to a client that accepts `encoding`.
    async fn body(file: &PageFile, encoding: &'static str) -> Bytes {
        let value = HeaderValue::from_static(encoding);
        let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, value)]);
        let answer = file.answer(&headers).await.expect("an answer");
        let chosen = answer.headers().get(header::CONTENT_ENCODING);
        assert_eq!(chosen.is_none(), encoding == "identity");
        to_bytes(answer.into_body(), usize::MAX)
            .await
            .expect("a body")
    }

    #[tokio::test]
    async fn file_is_compressed_once_for_each_encoding() {
        let content = vec![b'x'; 100_000];
        let file = PageFile::new("text/css", content.clone()).expect("a file");
        assert_eq!(body(&file, "identity").await, content);
        for encoding in ["gzip", "zstd"] {
            let first = body(&file, encoding).await;
            assert!(first.len() < 1_000, "{encoding}: {}", first.len());
            let second = body(&file, encoding).await;
            // The same memory, so nothing was compressed again.
            assert_eq!(first.as_ptr(), second.as_ptr(), "{encoding}");
        }
    }
}

//! Lists: in pages for a request with `limit`, and otherwise whole, in pieces.

use axum::response::Response;
use futures::stream::unfold;
use http::{HeaderValue, StatusCode, Uri, header};
use kanso_domain::FieldError;
use kanso_protocol::MAX_PAGE;
use serde::Serialize;

use crate::answer::{in_pieces, json_response, to_json};
use crate::problem::{ApiError, Code};
use crate::request::number;

/// Records in one piece of an answer.
pub(crate) const PIECE: u32 = 500;

/// Reads the records of a list that the first piece does not have.
pub(crate) trait PieceReader: Send + 'static {
    /// Record in its form on the wire.
    type Item: Serialize + Send;

    /// Returns the next records, or `None` after the last.
    fn next(&mut self) -> impl Future<Output = Result<Option<Vec<Self::Item>>, ApiError>> + Send;
}

/// JSON text around the records of a list.
pub(crate) struct Envelope {
    before: Vec<u8>,
    after: Vec<u8>,
}

impl Envelope {
    /// Returns the envelope of a bare list.
    pub(crate) fn array() -> Self {
        Self {
            before: b"[".into(),
            after: b"]".into(),
        }
    }

    /// Returns the text around the first list in `empty`, which has no records.
    pub(crate) fn around(empty: &impl Serialize) -> Result<Self, ApiError> {
        let text = to_json(empty)?;
        let place = text.windows(2).position(|pair| pair == b"[]");
        let (before, after) = text.split_at(place.ok_or(Code::Internal)? + 1);
        Ok(Self {
            before: before.into(),
            after: after.into(),
        })
    }
}

/// Returns a list that is read while it is sent: at most one piece is in memory.
pub(crate) fn list_in_pieces<R: PieceReader>(
    envelope: Envelope,
    first: Vec<R::Item>,
    rest: R,
) -> Response {
    let list = ListInPieces {
        before: Some((envelope.before, first)),
        after: Some(envelope.after),
        is_first: true,
        rest,
    };
    let pieces = unfold(list, async |mut list| {
        let piece = list.next().await?;
        Some((piece, list))
    });
    json_response(StatusCode::OK, in_pieces(pieces))
}

struct ListInPieces<R: PieceReader> {
    /// Text before the records, with the first ones; `None` once they are sent.
    before: Option<(Vec<u8>, Vec<R::Item>)>,
    /// Text after the records; `None` at the end.
    after: Option<Vec<u8>>,
    /// True until a record was sent.
    is_first: bool,
    rest: R,
}

impl<R: PieceReader> ListInPieces<R> {
    async fn next(&mut self) -> Option<Result<Vec<u8>, ApiError>> {
        let after = self.after.take()?;
        if let Some((text, records)) = self.before.take() {
            self.after = Some(after);
            return Some(self.with(text, &records));
        }
        match self.rest.next().await {
            Ok(None) => Some(Ok(after)),
            Ok(Some(records)) => {
                self.after = Some(after);
                Some(self.with(Vec::new(), &records))
            }
            // `after` stays away: an answer that was cut off must not end like a whole one.
            Err(error) => Some(Err(error)),
        }
    }

    fn with(&mut self, mut text: Vec<u8>, records: &[R::Item]) -> Result<Vec<u8>, ApiError> {
        for record in records {
            if !std::mem::take(&mut self.is_first) {
                text.push(b',');
            }
            text.append(&mut to_json(record)?);
        }
        Ok(text)
    }
}

/// Reads the parameter `limit`. Without it there are no pages, so a cursor is refused.
pub(crate) fn page_limit(
    limit: Option<&str>,
    cursor: Option<&str>,
) -> Result<Option<u32>, ApiError> {
    let refused = |name: &'static str, reason: String| {
        ApiError::members(Code::InvalidParameter, &[FieldError::new(name, reason)])
    };
    match (limit, cursor) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(refused("cursor", "must come with limit".to_owned())),
        (Some(limit), _) => {
            if let Some(limit @ 1..=MAX_PAGE) = number(limit) {
                return Ok(Some(limit));
            }
            let reason = format!("must be a number between 1 and {MAX_PAGE}");
            Err(refused("limit", reason))
        }
    }
}

/// Adds the header `Link` to the next page (RFC 8288): the query of the request, with this cursor in
/// place of the parameters `replaced`.
pub(crate) fn link_next(
    response: &mut Response,
    uri: &Uri,
    replaced: &[&str],
    cursor: &str,
) -> Result<(), ApiError> {
    let kept = uri.query().unwrap_or_default().split('&').filter(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        !name.is_empty() && !replaced.contains(&name)
    });
    let query: String = kept.flat_map(|pair| [pair, "&"]).collect();
    // Only a query: a reference that is relative to the request is right behind every proxy.
    let link = format!("<?{query}cursor={cursor}>; rel=\"next\"");
    let link = HeaderValue::try_from(link).map_err(|_| Code::Internal)?;
    response.headers_mut().insert(header::LINK, link);
    Ok(())
}

/// Returns the error of a cursor of a list that cannot be read.
pub(crate) fn not_a_position() -> ApiError {
    ApiError::from(Code::CursorMalformed)
        .with_detail("the cursor cannot be read; list again from the start")
}

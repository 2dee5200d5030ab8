//! What makes an answer the same: its entity tag, known before the answer is.

use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use kanso_application::stats::StatsContext;
use kanso_domain::UserId;
use serde::Serialize;

use crate::answer::{as_json, to_json};
use crate::parts::Api;
use crate::problem::{ApiError, Code};
use crate::request::has_tag;

/// All that an answer depends on: the newest change, the reader's today and settings, what is
/// asked for, and the program that computes it.
///
/// The head was read before the records, so a tag may name an older state than its answer shows,
/// never a newer one: an answer that is kept can be fetched once too often, but it cannot be stale.
pub(super) struct Validator(HeaderValue);

impl Validator {
    /// The validator of what `reader` asks for in `question`.
    pub(super) fn new(reader: &StatsContext, question: &str) -> Result<Self, ApiError> {
        let StatsContext {
            settings,
            head,
            today,
        } = reader;
        // Names of zones, dates and ids have nothing that must not stand in a tag (RFC 9110 §8.8.3).
        let tag = format!(
            "\"{version}_{tzdb}_{epoch:x}_{seq}_{today}_{zone}_{day_start}_{week_start}_{question}\"",
            version = env!("CARGO_PKG_VERSION"),
            tzdb = crate::tzdb_version(),
            epoch = head.epoch.get(),
            seq = head.seq,
            zone = settings.timezone,
            day_start = settings.day_start,
            week_start = settings.week_start.as_str(),
        );
        HeaderValue::try_from(tag)
            .map(Self)
            .map_err(|_| Code::Internal.into())
    }

    /// What `compute` gives, or gave somebody who asked the same before; or 304 without it when the
    /// caller has that already.
    pub(super) async fn answer<T: Serialize>(
        self,
        (api, user): (&Api, UserId),
        headers: &HeaderMap,
        compute: impl Future<Output = Result<T, ApiError>>,
    ) -> Result<Response, ApiError> {
        let tag = self.0.to_str().unwrap_or_default();
        let mut response = if has_tag(headers, tag) {
            StatusCode::NOT_MODIFIED.into_response()
        } else if let Some(kept) = api.stats.cached(user, tag).await {
            as_json(StatusCode::OK, kept)
        } else {
            let body = to_json(&compute.await?)?;
            api.stats.cache_answer(user, tag, &body);
            as_json(StatusCode::OK, body)
        };
        let answered = response.headers_mut();
        answered.insert(header::ETAG, self.0);
        // Kept by the caller alone, and asked about before each use: a midnight makes it another.
        let revalidated = HeaderValue::from_static("private, no-cache");
        answered.insert(header::CACHE_CONTROL, revalidated);
        let varies = HeaderValue::from_static("authorization, x-timezone");
        answered.append(header::VARY, varies);
        Ok(response)
    }
}

//! Entity tags of statistics, which are known before the answer is computed.

use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use kanso_application::stats::StatsContext;
use kanso_domain::UserId;
use serde::Serialize;

use crate::answer::{json_response, to_json};
use crate::parts::Api;
use crate::problem::{ApiError, Code};
use crate::request::has_tag;

/// The entity tag of an answer: everything that the answer depends on.
///
/// It covers the head, the date of today, the settings, the question, and the versions of the program
/// and of its time-zone database. So a 304 costs no computation.
///
/// The head is read before the records. A tag may therefore be older than its answer, and never newer:
/// a cached answer may be computed once too often, but it cannot be stale.
pub(super) struct Validator(HeaderValue);

/// Returns true for JSON. The cache may be shared, and then other programs can write to it.
fn is_json(text: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok()
}

impl Validator {
    /// Builds the entity tag of `question` in the context `reader`.
    pub(super) fn new(reader: &StatsContext, question: &str) -> Result<Self, ApiError> {
        let StatsContext {
            settings,
            head,
            today,
        } = reader;
        // Zones, dates and ids have only characters that an entity tag allows (RFC 9110 §8.8.3).
        let tag = format!(
            "\"{version}_{tzdb}_{epoch:x}_{seq}_{today}_{zone}_{day_start}_{week_start}_{question}\"",
            // A new version may compute other figures from the same records.
            version = env!("CARGO_PKG_VERSION"),
            tzdb = crate::tzdb_version(),
            // After a restore the same position may have other records.
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

    /// Returns 304 if the client has this answer; otherwise the cached or the computed answer.
    pub(super) async fn answer<T: Serialize>(
        self,
        (api, user): (&Api, UserId),
        headers: &HeaderMap,
        compute: impl Future<Output = Result<T, ApiError>> + Send + 'static,
    ) -> Result<Response, ApiError> {
        // The value was built from ASCII, so it is text.
        let tag = self.0.to_str().unwrap_or_default();
        let mut response = if has_tag(headers, tag) {
            StatusCode::NOT_MODIFIED.into_response()
        } else if let Some(cached) = api.stats.cached(user, tag).await.filter(|it| is_json(it)) {
            json_response(StatusCode::OK, cached)
        } else {
            let reading = api.heavy_reads().begin(user).await?;
            let turn = reading.turn().await?;
            let computed = turn.hold(async move { to_json(&compute.await?) });
            let body = computed.await??;
            // It does not wait: an answer that is not cached is computed again.
            api.stats.cache_answer(user, tag, &body);
            json_response(StatusCode::OK, body)
        };
        let answered = response.headers_mut();
        answered.insert(header::ETAG, self.0);
        // The client may cache the answer but must revalidate it: it changes at midnight without a
        // request.
        let revalidated = HeaderValue::from_static("private, no-cache");
        answered.insert(header::CACHE_CONTROL, revalidated);
        // The zone is an input like the URL, and the token selects the account.
        let varies = HeaderValue::from_static("authorization, x-timezone");
        answered.append(header::VARY, varies);
        Ok(response)
    }
}

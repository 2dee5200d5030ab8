//! The deltas of the first version of the API: the changes of one kind of record.

use std::marker::PhantomData;

use axum::response::Response;
use http::{StatusCode, Uri};
use kanso_application::ports::storage::Scope;
use kanso_application::sync::ReadPosition;
use kanso_domain::sync::{Head, Page};
use kanso_domain::{FieldError, Record, Seq, Timestamp, UserId};
use kanso_protocol::{format_cursor, parse_cursor};
use serde::Serialize;
use tokio::time::timeout;

use crate::answer::json;
use crate::heavy_reads::HeavyRead;
use crate::list::{Envelope, PIECE, PieceReader, link_next, list_in_pieces, page_limit};
use crate::parts::Api;
use crate::problem::{ApiError, Code};
use crate::request::parse_seen;

/// The changes of one kind of record.
pub(crate) trait Changes: Send + 'static {
    /// Kind of record.
    const SCOPE: Scope;
    /// Record in its form on the wire.
    type Record: Serialize + Send;
    /// Answer with records.
    type Answer: Serialize;

    /// Returns the record, if it is of this kind.
    fn record(record: &Record) -> Option<Self::Record>;

    /// Returns the answer with `changes`.
    fn answer(changes: Vec<Self::Record>, end: End) -> Self::Answer;
}

/// Position from which the next delta begins.
pub(crate) struct End {
    /// As a time.
    pub(crate) timestamp: Timestamp,
    /// As a cursor.
    pub(crate) cursor: String,
    /// True if another page follows; `None` for a request without pages.
    pub(crate) has_more: Option<bool>,
}

/// The parameters of a delta.
pub(crate) struct Position<'a> {
    /// Name of the parameter `seen`.
    pub(crate) name: &'static str,
    /// Position as the first clients send it.
    pub(crate) seen: Option<&'a str>,
    /// Most records of a page.
    pub(crate) limit: Option<&'a str>,
    /// Cursor of the page before.
    pub(crate) cursor: Option<&'a str>,
}

impl Position<'_> {
    /// Answers a request of `user` with the changes after this position.
    pub(crate) async fn answer<C: Changes>(
        self,
        (api, user): (&Api, UserId),
        uri: &Uri,
    ) -> Result<Response, ApiError> {
        let limit = page_limit(self.limit, self.cursor)?;
        let seen = self.read(limit.is_some())?;
        let reading = api.heavy_reads().begin(user).await?;
        let turn = reading.turn().await?;
        let most = limit.unwrap_or(PIECE);
        let sync = api.sync.clone();
        let step = async move { sync.delta(user, seen, C::SCOPE, Some(most)).await };
        let page = turn.hold(step).await???;
        if limit.is_none() {
            return whole::<C>(api, user, &page, reading);
        }
        let cursor = format_cursor(page.cursor());
        let last = page.records.last().filter(|_| page.has_more());
        let end = End {
            // Of the last record: the time of the head would skip the pages that follow.
            timestamp: last.map_or(page.head.changed_at, |last| last.stamp().updated_at),
            cursor: cursor.clone(),
            has_more: Some(page.has_more()),
        };
        let mut response = json(StatusCode::OK, &C::answer(records::<C>(&page), end));
        if page.has_more() {
            link_next(&mut response, uri, &["cursor", self.name], &cursor)?;
        }
        Ok(response)
    }

    fn read(&self, has_pages: bool) -> Result<ReadPosition, ApiError> {
        let Some(cursor) = self.cursor else {
            return match self.seen {
                // Pages from the start leave out tombstones: so no purge can end them half way.
                None if has_pages => Ok(ReadPosition::Beginning),
                seen => parse_seen(self.name, seen),
            };
        };
        if self.seen.is_some() {
            let error = FieldError::new(self.name, "must not come with cursor");
            return Err(ApiError::members(Code::InvalidParameter, &[error]));
        }
        let cursor = parse_cursor(cursor).map_err(|_| Code::CursorMalformed)?;
        Ok(ReadPosition::Cursor(cursor))
    }
}

fn records<C: Changes>(page: &Page) -> Vec<C::Record> {
    page.records.iter().filter_map(C::record).collect()
}

/// Answers with all changes up to the head of `first`, which is the first piece.
fn whole<C: Changes>(
    api: &Api,
    user: UserId,
    first: &Page,
    reading: HeavyRead,
) -> Result<Response, ApiError> {
    let end = End {
        timestamp: first.head.changed_at,
        cursor: format_cursor(first.head.cursor()),
        has_more: None,
    };
    let changes = records::<C>(first);
    let last = first.records.last().filter(|_| first.has_more());
    let Some(last) = last else {
        return Ok(json(StatusCode::OK, &C::answer(changes, end)));
    };
    let rest = DeltaPieces::<C> {
        api: api.clone(),
        user,
        reading,
        after: Some(last.stamp().seq),
        began: first.head,
        kind: PhantomData,
    };
    let envelope = Envelope::around(&C::answer(Vec::new(), end))?;
    Ok(list_in_pieces(envelope, changes, rest))
}

/// The records of a delta after its first piece.
struct DeltaPieces<C> {
    api: Api,
    user: UserId,
    reading: HeavyRead,
    /// Position of the last record that was read; `None` after the last one.
    after: Option<Seq>,
    began: Head,
    kind: PhantomData<fn() -> C>,
}

impl<C: Changes> PieceReader for DeltaPieces<C> {
    type Item = C::Record;

    async fn next(&mut self) -> Result<Option<Vec<C::Record>>, ApiError> {
        let Some(after) = self.after else {
            return Ok(None);
        };
        let turn = self.reading.next_turn().await?;
        let (sync, user, position) = (self.api.sync.clone(), self.user, (after, self.began));
        let step = async move { sync.rest_of_delta(user, position, C::SCOPE, PIECE).await };
        let reading = turn.hold(step);
        // The deadline layer covers only the time until the first byte, so each read needs its own
        // limit.
        let page = timeout(self.api.options().time_limit, reading).await;
        let page = page.map_err(|_| Code::TimedOut)???;
        // The database was restored or purged while the answer ran.
        let page = page.ok_or(Code::EpochChanged)?;
        let last = page.records.last().filter(|_| page.has_more());
        self.after = last.map(|last| last.stamp().seq);
        Ok(Some(records::<C>(&page)))
    }
}

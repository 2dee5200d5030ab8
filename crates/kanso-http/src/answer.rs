//! Answers: values as JSON, and outcomes of operations as statuses.

use std::io;

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use futures::{Stream, StreamExt as _};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use kanso_domain::sync::{Deferral, ExceededQuota, OperationOutcome, RejectionCode};
use kanso_domain::{Entity, Record, Stamp};
use kanso_protocol::entries::EntryRecord;
use kanso_protocol::habits::HabitRecord;
use serde::Serialize;

use crate::measure::count_refusal_for_quota;
use crate::problem::{ApiError, Code};
use crate::request::{etag, is_unchanged};

/// Returns an answer with `value` as JSON.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    match to_json(value) {
        Ok(body) => json_response(status, body),
        Err(error) => error.into_response(),
    }
}

/// Returns the JSON text of `value`.
pub(crate) fn to_json(value: &impl Serialize) -> Result<Vec<u8>, ApiError> {
    serde_json::to_vec(value).map_err(|error| {
        tracing::error!(%error, "answer not serialized");
        Code::Internal.into()
    })
}

/// An answer in lines of JSON (NDJSON) that is produced while the client reads it.
pub(crate) trait JsonLines: Send + Sized + 'static {
    /// Returns the next lines, or `None` after the last.
    ///
    /// The status was sent before the first line, so an error can only end the answer. The client
    /// notices it because the last line is missing.
    fn next(&mut self) -> impl Future<Output = Option<Result<Vec<u8>, ApiError>>> + Send;

    /// Builds the answer.
    ///
    /// The body is polled when the socket takes more bytes, so a slow client causes no reads from
    /// the storage and one piece is in memory at a time.
    fn into_response(self) -> Response {
        let pieces = futures::stream::unfold(self, async |mut lines| {
            let piece = lines.next().await?;
            Some((piece, lines))
        });
        let body = in_pieces(pieces);
        let media_type = HeaderValue::from_static("application/x-ndjson");
        as_it_is(([(header::CONTENT_TYPE, media_type)], body).into_response())
    }
}

/// Returns a body that is produced while the client reads it. An error cuts it off, which the client
/// notices.
pub(crate) fn in_pieces(
    pieces: impl Stream<Item = Result<Vec<u8>, ApiError>> + Send + 'static,
) -> Body {
    let pieces = pieces.map(|piece| {
        piece.map(Bytes::from).map_err(|error| {
            // The status was sent long ago, so only this line tells the operator.
            tracing::warn!(code = error.code().as_str(), "an answer was cut off");
            io::Error::other("the answer was cut off")
        })
    });
    // The compression layer polls once more after the end, and `unfold` panics on that.
    Body::from_stream(pieces.fuse())
}

/// Marks an answer that no proxy may store, compress or hold back: a client reads it while it
/// arrives, or compares it with what it holds.
pub(crate) fn as_it_is(mut response: Response) -> Response {
    let value = HeaderValue::from_static("no-store, no-transform");
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, value);
    response
}

/// Appends `value` as a line of JSON.
pub(crate) fn push_line(text: &mut Vec<u8>, value: &impl Serialize) -> Result<(), ApiError> {
    text.append(&mut to_json(value)?);
    text.push(b'\n');
    Ok(())
}

/// Returns an answer with `body`, which is JSON text.
pub(crate) fn json_response(status: StatusCode, body: impl Into<Body>) -> Response {
    let json = HeaderValue::from_static("application/json");
    (status, [(header::CONTENT_TYPE, json)], body.into()).into_response()
}

/// Returns a record, or 304 if `If-None-Match` names its version.
pub(crate) fn record_response(
    headers: &HeaderMap,
    stamp: &Stamp,
    record: &impl Serialize,
) -> Response {
    let mut response = if is_unchanged(headers, stamp.version) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        json(StatusCode::OK, record)
    };
    // A 304 has the tag as well (RFC 9110 §15.4.5).
    let etag = etag(stamp.version);
    response.headers_mut().insert(header::ETAG, etag);
    response
}

/// Answers a create: 201 for a new record, 200 if it exists with the same content.
///
/// A retry with the same idempotency key gets the answer of the first request.
pub(crate) fn create_response(outcome: OperationOutcome) -> Result<Response, ApiError> {
    match outcome {
        OperationOutcome::Applied(record) => {
            let mut response = stored_response(StatusCode::CREATED, &record);
            // A path without a host: behind a proxy the server does not know its public name.
            let location = HeaderValue::try_from(location(&record)).map_err(|_| Code::Internal)?;
            response.headers_mut().insert(header::LOCATION, location);
            Ok(response)
        }
        OperationOutcome::Noop(record) => Ok(stored_response(StatusCode::OK, &record)),
        OperationOutcome::Duplicate {
            record: Some(record),
            ..
        } if !record.stamp().is_deleted() => {
            create_response(OperationOutcome::Applied(record)).map(mark_replayed)
        }
        // The record was created by the first request and deleted since.
        OperationOutcome::Duplicate { .. } => Err(Code::Gone.into()),
        other => Err(outcome_error(other)),
    }
}

/// Answers an update of an `entity`. A tombstone is answered like a record that never existed.
pub(crate) fn update_response(
    entity: Entity,
    outcome: OperationOutcome,
) -> Result<Response, ApiError> {
    match outcome {
        OperationOutcome::Applied(record)
        | OperationOutcome::Merged(record)
        | OperationOutcome::Noop(record) => Ok(stored_response(StatusCode::OK, &record)),
        OperationOutcome::Duplicate {
            record: Some(record),
            ..
        } if !record.stamp().is_deleted() => {
            Ok(mark_replayed(stored_response(StatusCode::OK, &record)))
        }
        // 404 and not 410: an id of another account must look the same as a deleted record.
        OperationOutcome::Gone(_)
        | OperationOutcome::Purged(_)
        | OperationOutcome::Duplicate { .. } => Err(ApiError::not_found(entity)),
        other => Err(outcome_error(other)),
    }
}

/// Answers a delete. It is idempotent: deleting a tombstone or a purged record is 204 too.
pub(crate) fn delete_response(outcome: OperationOutcome) -> Result<StatusCode, ApiError> {
    match outcome {
        OperationOutcome::Applied(_)
        | OperationOutcome::Noop(_)
        | OperationOutcome::Duplicate { .. }
        | OperationOutcome::Purged(_) => Ok(StatusCode::NO_CONTENT),
        other => Err(outcome_error(other)),
    }
}

/// Marks the answer to a retry with the header `Idempotency-Replayed: true`.
fn mark_replayed(mut response: Response) -> Response {
    let name = HeaderName::from_static("idempotency-replayed");
    let headers = response.headers_mut();
    headers.insert(name, HeaderValue::from_static("true"));
    response
}

fn stored_response(status: StatusCode, record: &Record) -> Response {
    let mut response = match record {
        Record::Habit(habit) => json(status, &HabitRecord::from(habit)),
        Record::Entry(entry) => json(status, &EntryRecord::from(entry)),
    };
    let etag = etag(record.stamp().version);
    response.headers_mut().insert(header::ETAG, etag);
    response
}

fn location(record: &Record) -> String {
    match record {
        Record::Habit(habit) => format!("/api/v1/habits/{}", habit.id),
        Record::Entry(entry) => format!("/api/v1/entries/{}", entry.id),
    }
}

fn outcome_error(outcome: OperationOutcome) -> ApiError {
    match outcome {
        OperationOutcome::Conflict(conflict) => {
            // The tag of the stored record, which the client needs for its next attempt.
            let etag = etag(conflict.record.stamp().version);
            ApiError::conflict(&conflict).header(header::ETAG, etag)
        }
        OperationOutcome::Gone(_) | OperationOutcome::Purged(_) => Code::Gone.into(),
        // A REST call cannot wait for its habit as an operation of an outbox does.
        OperationOutcome::Deferred(Deferral::HabitUnknown(_)) => ApiError::not_found(Entity::Habit),
        OperationOutcome::OverQuota(exceeded) => {
            count_refusal_for_quota(exceeded);
            let limit = exceeded.limit();
            let (verb, noun) = match exceeded {
                ExceededQuota::LiveHabits { .. } => ("have", "live habit"),
                ExceededQuota::Records { .. } => ("store", "record"),
                ExceededQuota::Bytes { .. } => ("store", "byte"),
            };
            let plural = if limit == 1 { "" } else { "s" };
            let bound = format!("{verb} at most {limit} {noun}{plural}");
            let advice = match exceeded {
                ExceededQuota::LiveHabits { .. } => "delete one, or ask the operator for more",
                // A deletion gives no room at once, because the tombstone stays for the other devices.
                ExceededQuota::Records { .. } | ExceededQuota::Bytes { .. } => {
                    "ask the operator for more"
                }
            };
            ApiError::from(Code::QuotaExceeded)
                .with_detail(format!("the account may {bound}; {advice}"))
        }
        OperationOutcome::Rejected(rejection) => match rejection.code {
            RejectionCode::Invalid => ApiError::members(Code::Invalid, &rejection.errors),
            RejectionCode::NotFound(entity) => ApiError::not_found(entity),
            RejectionCode::OpIdReused => Code::IdempotencyKeyReused.into(),
            // Unreachable: REST calls are never grouped.
            RejectionCode::GroupFailed | RejectionCode::GroupSplit => Code::Internal.into(),
        },
        // Unreachable: these are successes.
        OperationOutcome::Duplicate { .. }
        | OperationOutcome::Applied(_)
        | OperationOutcome::Merged(_)
        | OperationOutcome::Noop(_) => Code::Internal.into(),
    }
}

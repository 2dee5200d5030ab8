//! Answers: values as JSON, and outcomes of commands as statuses.

use std::io;

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use futures::StreamExt as _;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use kanso_domain::sync::{Deferral, OperationOutcome, RejectionCode};
use kanso_domain::{Entity, Record, Stamp};
use kanso_protocol::entries::EntryRecord;
use kanso_protocol::habits::HabitRecord;
use serde::Serialize;

use crate::problem::{ApiError, Code};
use crate::request::{etag, is_unchanged};

/// `value` as JSON.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    match to_json(value) {
        Ok(body) => as_json(status, body),
        Err(refusal) => refusal.into_response(),
    }
}

/// The JSON of `value`.
pub(crate) fn to_json(value: &impl Serialize) -> Result<Vec<u8>, ApiError> {
    serde_json::to_vec(value).map_err(|error| {
        tracing::error!(%error, "an answer could not be written");
        Code::Internal.into()
    })
}

/// An answer in lines of JSON that is made while its reader takes it.
pub(crate) trait Lines: Send + Sized + 'static {
    /// The next lines, none after the last. After an error there are no more: without a last line
    /// that says so, the reader knows that the answer was cut off.
    fn next(&mut self) -> impl Future<Output = Option<Result<Vec<u8>, ApiError>>> + Send;

    /// The answer. It is polled when its reader has taken what was said before, so that a reader who
    /// stands still costs no reading.
    fn into_response(self) -> Response {
        let some = futures::stream::unfold(self, async |mut lines| {
            let some = lines.next().await?;
            let some = some.map_err(|_| io::Error::other("the answer broke off"));
            Some((some.map(Bytes::from), lines))
        });
        // Compression asks once more after the end.
        let body = Body::from_stream(some.fuse());
        let media_type = HeaderValue::from_static("application/x-ndjson");
        ([(header::CONTENT_TYPE, media_type)], body).into_response()
    }
}

/// Adds `value` as a line of JSON.
pub(crate) fn line(text: &mut Vec<u8>, value: &impl Serialize) -> Result<(), ApiError> {
    text.append(&mut to_json(value)?);
    text.push(b'\n');
    Ok(())
}

/// `body`, which is JSON.
pub(crate) fn as_json(status: StatusCode, body: Vec<u8>) -> Response {
    let json = HeaderValue::from_static("application/json");
    (status, [(header::CONTENT_TYPE, json)], body).into_response()
}

/// A record that was asked for; 304 when the caller has it already.
pub(crate) fn found(headers: &HeaderMap, stamp: &Stamp, record: &impl Serialize) -> Response {
    let mut response = if is_unchanged(headers, stamp.version) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        json(StatusCode::OK, record)
    };
    let etag = etag(stamp.version);
    response.headers_mut().insert(header::ETAG, etag);
    response
}

/// What became of a create.
pub(crate) fn created(outcome: OperationOutcome) -> Result<Response, ApiError> {
    match outcome {
        OperationOutcome::Applied(record) => {
            let mut response = stored(StatusCode::CREATED, &record);
            let place = HeaderValue::try_from(place(&record)).map_err(|_| Code::Internal)?;
            response.headers_mut().insert(header::LOCATION, place);
            Ok(response)
        }
        OperationOutcome::Noop(record) => Ok(stored(StatusCode::OK, &record)),
        OperationOutcome::Duplicate {
            record: Some(record),
            ..
        } if !record.stamp().is_deleted() => {
            created(OperationOutcome::Applied(record)).map(replayed)
        }
        OperationOutcome::Duplicate { .. } => Err(Code::Gone.into()),
        other => Err(refused(other)),
    }
}

/// What became of an update of an `entity`. A tombstone is as good as nothing.
pub(crate) fn updated(entity: Entity, outcome: OperationOutcome) -> Result<Response, ApiError> {
    match outcome {
        OperationOutcome::Applied(record)
        | OperationOutcome::Merged(record)
        | OperationOutcome::Noop(record) => Ok(stored(StatusCode::OK, &record)),
        OperationOutcome::Duplicate {
            record: Some(record),
            ..
        } if !record.stamp().is_deleted() => Ok(replayed(stored(StatusCode::OK, &record))),
        OperationOutcome::Gone(_)
        | OperationOutcome::Purged(_)
        | OperationOutcome::Duplicate { .. } => Err(ApiError::not_found(entity)),
        other => Err(refused(other)),
    }
}

/// What became of a delete.
pub(crate) fn deleted(outcome: OperationOutcome) -> Result<StatusCode, ApiError> {
    match outcome {
        OperationOutcome::Applied(_)
        | OperationOutcome::Noop(_)
        | OperationOutcome::Duplicate { .. }
        | OperationOutcome::Purged(_) => Ok(StatusCode::NO_CONTENT),
        other => Err(refused(other)),
    }
}

/// Says that this was answered before (IETF draft-ietf-httpapi-idempotency-key-header).
fn replayed(mut response: Response) -> Response {
    let name = HeaderName::from_static("idempotency-replayed");
    let headers = response.headers_mut();
    headers.insert(name, HeaderValue::from_static("true"));
    response
}

fn stored(status: StatusCode, record: &Record) -> Response {
    let mut response = match record {
        Record::Habit(habit) => json(status, &HabitRecord::from(habit)),
        Record::Entry(entry) => json(status, &EntryRecord::from(entry)),
    };
    let etag = etag(record.stamp().version);
    response.headers_mut().insert(header::ETAG, etag);
    response
}

fn place(record: &Record) -> String {
    match record {
        Record::Habit(habit) => format!("/api/v1/habits/{}", habit.id),
        Record::Entry(entry) => format!("/api/v1/entries/{}", entry.id),
    }
}

fn refused(outcome: OperationOutcome) -> ApiError {
    match outcome {
        OperationOutcome::Conflict(conflict) => {
            let etag = etag(conflict.record.stamp().version);
            ApiError::conflict(&conflict).header(header::ETAG, etag)
        }
        OperationOutcome::Gone(_) | OperationOutcome::Purged(_) => Code::Gone.into(),
        OperationOutcome::Deferred(Deferral::HabitUnknown(_)) => ApiError::not_found(Entity::Habit),
        OperationOutcome::Rejected(rejection) => match rejection.code {
            RejectionCode::Invalid => ApiError::members(Code::Invalid, &rejection.errors),
            RejectionCode::NotFound(entity) => ApiError::not_found(entity),
            RejectionCode::OpIdReused => Code::IdempotencyKeyReused.into(),
            // Nothing that is said here is in a group.
            RejectionCode::GroupFailed | RejectionCode::GroupSplit => Code::Internal.into(),
        },
        // What was done is no refusal.
        OperationOutcome::Duplicate { .. }
        | OperationOutcome::Applied(_)
        | OperationOutcome::Merged(_)
        | OperationOutcome::Noop(_) => Code::Internal.into(),
    }
}

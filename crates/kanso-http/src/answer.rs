//! Answers: values as JSON, and outcomes of commands as statuses.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use kanso_domain::sync::{Deferral, OperationOutcome, RejectionCode};
use kanso_domain::{Entity, Record, Stamp};
use kanso_protocol::entries::EntryRecord;
use kanso_protocol::habits::HabitRecord;
use serde::Serialize;

use crate::problem::{Code, Refusal};
use crate::request::{etag, is_unchanged};

/// `value` as JSON.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => {
            let json = HeaderValue::from_static("application/json");
            (status, [(header::CONTENT_TYPE, json)], body).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "an answer could not be written");
            Refusal::from(Code::Internal).into_response()
        }
    }
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
pub(crate) fn created(outcome: OperationOutcome) -> Result<Response, Refusal> {
    match outcome {
        OperationOutcome::Applied(record) => {
            let mut response = stored(StatusCode::CREATED, &record);
            let place = HeaderValue::try_from(place(&record)).map_err(|_| Code::Internal)?;
            response.headers_mut().insert(header::LOCATION, place);
            Ok(response)
        }
        OperationOutcome::Noop(record) => Ok(stored(StatusCode::OK, &record)),
        other => Err(refused(other)),
    }
}

/// What became of an update of an `entity`. A tombstone is as good as nothing.
pub(crate) fn updated(entity: Entity, outcome: OperationOutcome) -> Result<Response, Refusal> {
    match outcome {
        OperationOutcome::Applied(record) | OperationOutcome::Noop(record) => {
            Ok(stored(StatusCode::OK, &record))
        }
        OperationOutcome::Gone(_) => Err(Refusal::not_found(entity)),
        other => Err(refused(other)),
    }
}

/// What became of a delete.
pub(crate) fn deleted(outcome: OperationOutcome) -> Result<StatusCode, Refusal> {
    match outcome {
        OperationOutcome::Applied(_) | OperationOutcome::Noop(_) => Ok(StatusCode::NO_CONTENT),
        other => Err(refused(other)),
    }
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

fn refused(outcome: OperationOutcome) -> Refusal {
    match outcome {
        OperationOutcome::Conflict(conflict) => {
            let etag = etag(conflict.record.stamp().version);
            Refusal::conflict(&conflict).header(header::ETAG, etag)
        }
        OperationOutcome::Gone(_) => Code::Gone.into(),
        OperationOutcome::Deferred(Deferral::HabitUnknown(_)) => Refusal::not_found(Entity::Habit),
        OperationOutcome::Rejected(rejection) => match rejection.code {
            RejectionCode::Invalid => Refusal::members(Code::Invalid, &rejection.errors),
            RejectionCode::NotFound(entity) => Refusal::not_found(entity),
            RejectionCode::OpIdReused => Code::Internal.into(),
        },
        // Only what has an `op_id` can be a duplicate, and what was done is no refusal.
        OperationOutcome::Duplicate { .. }
        | OperationOutcome::Applied(_)
        | OperationOutcome::Noop(_) => Code::Internal.into(),
    }
}

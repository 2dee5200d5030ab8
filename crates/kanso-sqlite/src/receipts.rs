//! Rows of receipts.

use std::borrow::Cow;

use kanso_domain::sync::{Receipt, ReceiptKey, ReceiptOutcome, Rejection, RejectionCode};
use kanso_domain::{FieldError, OpId, Timestamp, UserId};
use rusqlite::types::FromSqlError;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::{Deserialize, Serialize};

use crate::columns::{Bound, Columns};
use crate::error::DatabaseError;
use crate::statements::prepare;

/// Returns the receipt of an operation.
pub(crate) fn find(
    connection: &Connection,
    user: UserId,
    op_id: OpId,
) -> Result<Option<Receipt>, DatabaseError> {
    let mut statement = prepare(
        connection,
        "SELECT op_id, fingerprint, device_id, outcome, version, seq, rejection
         FROM receipts WHERE user_id = ?1 AND op_id = ?2",
    )?;
    let found = statement.query_row(params![Bound(&user), Bound(&op_id)], read);
    Ok(found.optional()?)
}

/// Stores a new receipt.
pub(crate) fn insert(
    connection: &Connection,
    user: UserId,
    receipt: &Receipt,
    created_at: Timestamp,
) -> Result<(), DatabaseError> {
    let (outcome, done, rejection) = match &receipt.outcome {
        ReceiptOutcome::Done { version, seq } => (DONE, Some((*version, *seq)), None),
        ReceiptOutcome::Conflict => (CONFLICT, None, None),
        ReceiptOutcome::Gone => (GONE, None, None),
        ReceiptOutcome::Rejected(rejection) => (REJECTED, None, Some(write(rejection)?)),
    };
    let (version, seq) = done.unzip();
    prepare(
        connection,
        "INSERT INTO receipts (user_id, op_id, fingerprint, device_id, outcome, version, seq,
             rejection, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        Bound(&user),
        Bound(&receipt.key.op_id),
        Bound(&receipt.key.fingerprint),
        Bound(&receipt.device),
        outcome,
        Bound(&version),
        Bound(&seq),
        rejection,
        Bound(&created_at)
    ])?;
    Ok(())
}

const DONE: &str = "done";
const CONFLICT: &str = "conflict";
const GONE: &str = "gone";
const REJECTED: &str = "rejected";

fn read(row: &Row<'_>) -> rusqlite::Result<Receipt> {
    let mut columns = Columns::of(row);
    let key = ReceiptKey {
        op_id: columns.take()?,
        fingerprint: columns.take()?,
    };
    let device = columns.take()?;
    let outcome: String = columns.take()?;
    let version = columns.take()?;
    let seq = columns.take()?;
    let rejection: Option<String> = columns.take()?;
    let outcome = match (outcome.as_str(), version, seq, rejection) {
        (DONE, Some(version), Some(seq), None) => ReceiptOutcome::Done { version, seq },
        (CONFLICT, None, None, None) => ReceiptOutcome::Conflict,
        (GONE, None, None, None) => ReceiptOutcome::Gone,
        (REJECTED, None, None, Some(rejection)) => {
            ReceiptOutcome::Rejected(parse(&rejection).ok_or(FromSqlError::InvalidType)?)
        }
        _ => return Err(FromSqlError::InvalidType.into()),
    };
    Ok(Receipt {
        key,
        device,
        outcome,
    })
}

/// JSON form of a rejection.
//
// kanso-postgres has a copy in its own `receipts.rs`. Change both together: the stores share a format.
// The contract cases in kanso-testkit's `contract/receipts.rs` run on both stores.
#[derive(Serialize, Deserialize)]
struct StoredRejection<'a> {
    code: Cow<'a, str>,
    errors: Vec<StoredFieldError<'a>>,
}

#[derive(Serialize, Deserialize)]
struct StoredFieldError<'a> {
    field: Cow<'a, str>,
    reason: Cow<'a, str>,
}

fn write(rejection: &Rejection) -> Result<String, DatabaseError> {
    let errors = rejection.errors.iter().map(|error| StoredFieldError {
        field: Cow::Borrowed(&*error.field),
        reason: Cow::Borrowed(&error.reason),
    });
    let stored = StoredRejection {
        code: rejection.code.as_str().into(),
        errors: errors.collect(),
    };
    serde_json::to_string(&stored).map_err(|error| DatabaseError::Impossible(error.to_string()))
}

fn parse(rejection: &str) -> Option<Rejection> {
    let stored: StoredRejection<'_> = serde_json::from_str(rejection).ok()?;
    let mut codes = RejectionCode::ALL.into_iter();
    let code = codes.find(|code| code.as_str() == stored.code)?;
    let errors = stored
        .errors
        .into_iter()
        .map(|error| FieldError::new(error.field.into_owned(), error.reason));
    Some(Rejection {
        code,
        errors: errors.collect(),
    })
}

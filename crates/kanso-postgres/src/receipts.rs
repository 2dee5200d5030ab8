//! Rows of receipts.

use std::borrow::Cow;

use kanso_domain::sync::{Receipt, ReceiptKey, ReceiptOutcome, Rejection, RejectionCode};
use kanso_domain::{FieldError, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;

use crate::columns::{Columns, bind};
use crate::error::{DatabaseError, InvalidColumn};
use crate::pipeline::Pipeline;

/// Receipts by operation id ($2).
pub(crate) const NAMED: &str =
    "SELECT op_id, fingerprint, device_id, outcome, version, seq, rejection
     FROM receipts WHERE user_id = $1 AND op_id = ANY ($2)";

pub(crate) const INSERT: &str =
    "INSERT INTO receipts (user_id, op_id, fingerprint, device_id, outcome, version, seq,
         rejection, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

/// Adds the statement that stores a new receipt.
pub(crate) fn insert(
    pipeline: &mut Pipeline<'_>,
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
    let values = bind![
        user,
        receipt.key.op_id,
        receipt.key.fingerprint,
        receipt.device,
        outcome.to_owned(),
        version,
        seq,
        rejection,
        created_at,
    ];
    pipeline.add(INSERT, values);
    Ok(())
}

const DONE: &str = "done";
const CONFLICT: &str = "conflict";
const GONE: &str = "gone";
const REJECTED: &str = "rejected";

pub(crate) fn read(row: &Row) -> Result<Receipt, DatabaseError> {
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
            let unknown = || InvalidColumn::new("an unknown rejection".to_owned());
            ReceiptOutcome::Rejected(parse(&rejection).ok_or_else(unknown)?)
        }
        _ => return Err(InvalidColumn::new(format!("a receipt with outcome {outcome:?}")).into()),
    };
    Ok(Receipt {
        key,
        device,
        outcome,
    })
}

/// JSON form of a rejection.
//
// kanso-sqlite has a copy in its own `receipts.rs`. Change both together: the stores share a format.
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

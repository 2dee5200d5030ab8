//! Rows of receipts.

use std::borrow::Cow;

use kanso_domain::sync::{Receipt, ReceiptKey, ReceiptOutcome, Rejection, RejectionCode};
use kanso_domain::{FieldError, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::columns::{Columns, Parameter, bind, bound_all};
use crate::error::{DatabaseError, InvalidColumn};
use crate::pipeline::Pipeline;

/// Columns in the order of [`read`].
macro_rules! receipt_columns {
    () => {
        "op_id, fingerprint, device_id, outcome, version, seq, rejection"
    };
}
pub(crate) use receipt_columns;

/// Stores new receipts, all at $2.
pub(crate) const INSERT: &str = concat!(
    "INSERT INTO receipts (user_id, ",
    receipt_columns!(),
    ", created_at)
     SELECT $1, receipt.*, $2
     FROM unnest($3::uuid[], $4::bytea[], $5::uuid[], $6::text[], $7::bigint[], $8::bigint[],
                 $9::text[]) AS receipt"
);

/// Adds the statement that stores new receipts, if there are any.
pub(crate) fn insert(
    pipeline: &mut Pipeline<'_>,
    user: UserId,
    receipts: &[Receipt],
    created_at: Timestamp,
) -> Result<(), DatabaseError> {
    if !receipts.is_empty() {
        let mut parameters = bind![user, created_at];
        parameters.extend(values(receipts)?);
        pipeline.add(INSERT, parameters);
    }
    Ok(())
}

/// Returns the values of receipts, one array for each column in the order of [`read`].
pub(crate) fn values(receipts: &[Receipt]) -> Result<Vec<Parameter>, DatabaseError> {
    let (mut outcomes, mut done) = (Vec::new(), Vec::new());
    let mut rejections = Vec::new();
    for receipt in receipts {
        let (outcome, result, rejection) = match &receipt.outcome {
            ReceiptOutcome::Done { version, seq } => (DONE, Some((*version, *seq)), None),
            ReceiptOutcome::Conflict => (CONFLICT, None, None),
            ReceiptOutcome::Gone => (GONE, None, None),
            ReceiptOutcome::Rejected(rejection) => (REJECTED, None, Some(write(rejection)?)),
        };
        outcomes.push(outcome.to_owned());
        done.push(result.unzip());
        rejections.push(rejection);
    }
    Ok(vec![
        bound_all(receipts.iter().map(|receipt| &receipt.key.op_id)),
        bound_all(receipts.iter().map(|receipt| &receipt.key.fingerprint)),
        bound_all(receipts.iter().map(|receipt| &receipt.device)),
        bound_all(&outcomes),
        bound_all(done.iter().map(|(version, _)| version)),
        bound_all(done.iter().map(|(_, seq)| seq)),
        bound_all(&rejections),
    ])
}

const DONE: &str = "done";
const CONFLICT: &str = "conflict";
const GONE: &str = "gone";
const REJECTED: &str = "rejected";

pub(crate) fn read(columns: &mut Columns<'_>) -> Result<Receipt, DatabaseError> {
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

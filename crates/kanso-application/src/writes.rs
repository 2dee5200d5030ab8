//! The one way by which records are written.

use std::sync::Arc;

use kanso_domain::sync::{
    Changeset, Cursor, CursorRefusal, Keys, OperationOutcome, Submission, decide,
};
use kanso_domain::{Timestamp, UserId};

use crate::ports::storage::{RecordStore, Written};
use crate::{Fault, Outcome};

/// Carries out `submissions` for `user`, unless `cursor` shows that the client knows another
/// history than this one.
pub(crate) async fn submit<S: RecordStore + ?Sized>(
    storage: &S,
    user: UserId,
    cursor: Option<Cursor>,
    submissions: Vec<Submission>,
    now: Timestamp,
) -> Outcome<Result<Changeset, CursorRefusal>> {
    let keys = Keys::of(&submissions);
    let decide = Arc::new(move |current: kanso_domain::sync::Current| {
        if let Some(cursor) = cursor {
            cursor.position(current.head)?;
        }
        Ok(decide(current, &submissions, now))
    });
    match storage.write(user, keys, decide).await? {
        Written::Committed(changeset) => Ok(Ok(changeset)),
        Written::Refused(refusal) => Ok(Err(refusal)),
        Written::NoSuchUser => Err(Fault::AccountGone),
    }
}

/// Carries out one command that no device will retry by `op_id`.
pub(crate) async fn submit_one<S: RecordStore + ?Sized>(
    storage: &S,
    user: UserId,
    command: kanso_domain::sync::Command,
    now: Timestamp,
) -> Outcome<OperationOutcome> {
    let submission = Submission {
        key: None,
        device: None,
        command,
    };
    let written = submit(storage, user, None, vec![submission], now).await?;
    let outcome = written
        .ok()
        .and_then(|mut changeset| changeset.outcomes.pop());
    // Without a cursor nothing is refused, and one submission has one outcome.
    outcome.ok_or(Fault::AccountGone)
}

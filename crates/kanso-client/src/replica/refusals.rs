//! What the server refused: most of it a person decides, and some of it only came too early.

use std::collections::BTreeSet;

use kanso_domain::Timestamp;
use kanso_protocol::sync::{OperationRequest, OperationResult, OperationStatus};
use rusqlite::Transaction;
use serde_json::Value;

use super::failures::{self, Failure};
use super::outbox::{self, Waiting};
use super::{Key, ReplicaError};
use crate::clock::Ids;

/// An operation that the server refused.
pub(super) struct Refused<'a> {
    pub(super) waiting: &'a Waiting,
    pub(super) request: OperationRequest,
    pub(super) result: &'a OperationResult,
}

/// Puts what was refused on the list of what a person decides. What was refused only because
/// something before it did not get through waits on as a new operation, a group as a whole.
pub(super) fn take(
    transaction: &Transaction<'_>,
    refused: &[Refused<'_>],
    now: Timestamp,
    ids: &dyn Ids,
) -> Result<Vec<Failure>, ReplicaError> {
    let mut kept = Vec::new();
    let mut rejected = BTreeSet::new();
    for unit in refused.chunk_by(are_of_one_group) {
        if came_too_early(transaction, unit, &rejected)? {
            for one in unit {
                let base = one.stored_version().or(one.request.base_version);
                outbox::reissue(transaction, one.waiting, ids.next_id(), base)?;
            }
            continue;
        }
        for one in unit {
            // Another process may have brought the same answer.
            if outbox::remove(transaction, one.waiting.op_id)? {
                kept.push(failures::keep(transaction, one.waiting, one.result, now)?);
            }
            if one.result.status == OperationStatus::Rejected {
                rejected.insert(one.waiting.key);
            }
        }
    }
    Ok(kept)
}

fn are_of_one_group(one: &Refused<'_>, next: &Refused<'_>) -> bool {
    one.request.group.is_some() && one.request.group == next.request.group
}

/// Whether an operation was refused only because one before it on the same record did not get
/// through; of a group whether that is what kept all of it back.
fn came_too_early(
    transaction: &Transaction<'_>,
    unit: &[Refused<'_>],
    rejected: &BTreeSet<Key>,
) -> Result<bool, ReplicaError> {
    let mut early = false;
    for one in unit {
        if one.builds_on_what_failed(transaction, rejected)? {
            early = true;
        } else if !one.failed_with_its_group() {
            return Ok(false);
        }
    }
    Ok(early)
}

impl Refused<'_> {
    /// Whether the one before it waits, or was rejected, so that the version to come never came.
    fn builds_on_what_failed(
        &self,
        transaction: &Transaction<'_>,
        rejected: &BTreeSet<Key>,
    ) -> Result<bool, ReplicaError> {
        match (self.result.status, &self.result.conflict) {
            (OperationStatus::Rejected, _) => {
                let code = self.result.code.as_deref();
                let is_unknown = code.is_some_and(|code| code.ends_with("_not_found"));
                Ok(is_unknown && outbox::waits_behind_another(transaction, self.waiting)?)
            }
            (OperationStatus::Conflict, Some(conflict)) => Ok(self.stored_version()
                < conflict.your_base
                && rejected.contains(&self.waiting.key)),
            _ => Ok(false),
        }
    }

    fn failed_with_its_group(&self) -> bool {
        self.result.code.as_deref() == Some("group_failed")
    }

    /// The version that the server has, where it tells.
    fn stored_version(&self) -> Option<i64> {
        let conflict = self.result.conflict.as_ref()?;
        conflict.record.get("version").and_then(Value::as_i64)
    }
}

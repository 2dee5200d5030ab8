//! Rejected operations: most become failures for the user, some are queued again.
//!
//! After a server has lost its history, waiting edits are rebased on the versions that the edits
//! before them are expected to make (`give_back::rebase`). If one of those earlier edits is
//! rejected, its version is never created, and every later edit is rejected as well. Those
//! later rejections say nothing about the edits themselves, so the edits are queued again on the
//! version that the server has.

use std::collections::BTreeSet;

use kanso_domain::Timestamp;
use kanso_protocol::sync::{OperationRequest, OperationResult, OperationStatus};
use rusqlite::Transaction;
use serde_json::Value;

use super::failures::{self, Failure};
use super::outbox::{self, PendingOperation};
use super::{RecordKey, ReplicaError};
use crate::clock::Ids;

/// An operation and the result with which the server rejected it.
pub(super) struct RejectedOperation<'a> {
    pub(super) pending: &'a PendingOperation,
    pub(super) request: OperationRequest,
    pub(super) result: &'a OperationResult,
}

/// Turns rejected operations into failures, or queues them again as new operations.
///
/// `all` is in the order in which the operations were sent. Returns the new failures.
pub(super) fn settle(
    transaction: &Transaction<'_>,
    all: &[RejectedOperation<'_>],
    now: Timestamp,
    ids: &dyn Ids,
) -> Result<Vec<Failure>, ReplicaError> {
    let mut stored = Vec::new();
    // Records with a rejected operation. Later edits of the same record may build on the version
    // that it would have made.
    let mut failed_records = BTreeSet::new();
    // A group is settled as a whole. Requeueing single operations of it would break "all or none".
    for group in all.chunk_by(are_of_one_group) {
        if only_predecessors_failed(transaction, group, &failed_records)? {
            for one in group {
                let base = one.stored_version().or(one.request.base_version);
                // A new id, because the server has stored the rejection under the old one and would
                // answer a retry with it.
                outbox::reissue(transaction, one.pending, ids.next_id(), base)?;
            }
            continue;
        }
        for one in group {
            // Two processes that share the folder may receive the same answer. Only the one that
            // removes the operation reports it.
            if outbox::remove(transaction, one.pending.op_id)? {
                stored.push(failures::store(transaction, one.pending, one.result, now)?);
            }
            if one.result.status == OperationStatus::Rejected {
                failed_records.insert(one.pending.key);
            }
        }
    }
    Ok(stored)
}

fn are_of_one_group(one: &RejectedOperation<'_>, next: &RejectedOperation<'_>) -> bool {
    one.request.group.is_some() && one.request.group == next.request.group
}

/// Returns true if the operations of `group` failed only because earlier operations failed.
///
/// At least one of them must build on a failed operation; the others may have failed only with
/// their group.
fn only_predecessors_failed(
    transaction: &Transaction<'_>,
    group: &[RejectedOperation<'_>],
    failed_records: &BTreeSet<RecordKey>,
) -> Result<bool, ReplicaError> {
    let mut has_failed_predecessor = false;
    for one in group {
        if one.builds_on_failure(transaction, failed_records)? {
            has_failed_predecessor = true;
        } else if !one.failed_with_its_group() {
            return Ok(false);
        }
    }
    Ok(has_failed_predecessor)
}

impl RejectedOperation<'_> {
    /// Returns true if the operation before it on the same record waits or was rejected.
    fn builds_on_failure(
        &self,
        transaction: &Transaction<'_>,
        failed_records: &BTreeSet<RecordKey>,
    ) -> Result<bool, ReplicaError> {
        match (self.result.status, &self.result.conflict) {
            // The record does not exist yet, and its create still waits, for example because it is
            // deferred: an edit of an entry whose habit has not arrived.
            (OperationStatus::Rejected, _) => {
                let code = self.result.code.as_deref();
                let is_unknown = code.is_some_and(|code| code.ends_with("_not_found"));
                Ok(is_unknown && outbox::waits_behind_another(transaction, self.pending)?)
            }
            // The base version is higher than the stored one: it is the version that the rejected
            // operation would have made. A real conflict has a base version below the stored one.
            (OperationStatus::Conflict, Some(conflict)) => Ok(self.stored_version()
                < conflict.your_base
                && failed_records.contains(&self.pending.key)),
            _ => Ok(false),
        }
    }

    fn failed_with_its_group(&self) -> bool {
        self.result.code.as_deref() == Some("group_failed")
    }

    /// Returns the version of the server's record, if the answer has the record.
    fn stored_version(&self) -> Option<i64> {
        let conflict = self.result.conflict.as_ref()?;
        conflict.record.get("version").and_then(Value::as_i64)
    }
}

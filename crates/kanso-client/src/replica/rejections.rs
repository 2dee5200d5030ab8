//! Rejected operations: most become failures for the user, some are queued again.
//!
//! An edit of a record whose create still waits is rejected, because the server does not know the
//! record. The rejection says nothing about the edit itself, so the edit is queued again.

use kanso_domain::Timestamp;
use kanso_protocol::sync::{OperationRequest, OperationResult, OperationStatus};
use rusqlite::Transaction;

use super::ReplicaError;
use super::failures::{self, Failure};
use super::outbox::{self, PendingOperation};
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
    // A group is settled as a whole. Requeueing single operations of it would break "all or none".
    for group in all.chunk_by(are_of_one_group) {
        if only_creates_wait(transaction, group)? {
            for one in group {
                let base = one.request.base_version;
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
        }
    }
    Ok(stored)
}

fn are_of_one_group(one: &RejectedOperation<'_>, next: &RejectedOperation<'_>) -> bool {
    one.request.group.is_some() && one.request.group == next.request.group
}

/// Returns true if the operations of `group` failed only because the creates of their records wait.
///
/// At least one of them must be such an edit; the others may have failed only with their group.
fn only_creates_wait(
    transaction: &Transaction<'_>,
    group: &[RejectedOperation<'_>],
) -> Result<bool, ReplicaError> {
    let mut is_waiting = false;
    for one in group {
        if one.waits_for_create(transaction)? {
            is_waiting = true;
        } else if !one.failed_with_its_group() {
            return Ok(false);
        }
    }
    Ok(is_waiting)
}

impl RejectedOperation<'_> {
    /// Returns true if the server does not know the record yet, because its create still waits, for
    /// example because it is deferred: an edit of an entry whose habit has not arrived.
    fn waits_for_create(&self, transaction: &Transaction<'_>) -> Result<bool, ReplicaError> {
        let code = self.result.code.as_deref();
        let is_unknown = self.result.status == OperationStatus::Rejected
            && code.is_some_and(|code| code.ends_with("_not_found"));
        Ok(is_unknown && outbox::waits_behind_another(transaction, self.pending)?)
    }

    fn failed_with_its_group(&self) -> bool {
        self.result.code.as_deref() == Some("group_failed")
    }
}

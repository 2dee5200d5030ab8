//! Entries that wait for a habit which this device can no longer provide.
//!
//! The server defers an entry whose habit it does not know, since a device may still send the habit.
//! This device cannot if it neither has the habit nor a create of it in the outbox. It comes to that if the
//! habit was deleted, and then a restore took the server back to before the habit was made. Such an
//! entry would be deferred at every sync, for ever, so it becomes a failure and the user decides.

use kanso_domain::{Entity, Timestamp};
use kanso_protocol::sync::{OperationResult, OperationStatus};
use rusqlite::{Connection, Transaction, params};
use uuid::Uuid;

use super::ReplicaError;
use super::apply::Batch;
use super::failures::{self, Failure};
use super::outbox::PendingOperation;

/// Code of the failures: the one with which the server rejects an edit of an unknown habit.
const HABIT_NOT_FOUND: &str = "habit_not_found";

/// Moves the operations of `batch` that the server deferred for such a habit to the failures.
///
/// Everything that the server has must be in the mirror by now: the habit may be on a later page.
pub(super) fn set_aside(
    transaction: &Transaction<'_>,
    batch: &Batch,
    results: &[OperationResult],
    now: Timestamp,
) -> Result<Vec<Failure>, ReplicaError> {
    let mut stranded: Vec<PendingOperation> = Vec::new();
    for result in results {
        let deferred = result.status == OperationStatus::Deferred;
        let Some(habit) = result.waits_for.as_ref().filter(|_| deferred) else {
            continue;
        };
        if may_arrive(transaction, habit.id)? {
            continue;
        }
        let pending = batch.operations.iter();
        let sent = pending.filter(|pending| Some(pending.op_id) == result.op_id);
        stranded.extend(sent.cloned());
    }
    let (failures, _) = failures::set_aside(transaction, &stranded, HABIT_NOT_FOUND, now)?;
    Ok(failures)
}

/// Returns true if the habit is in the mirror or in the outbox, or the user has yet to decide on its
/// create.
fn may_arrive(connection: &Connection, habit: Uuid) -> Result<bool, ReplicaError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM base WHERE entity = ?1 AND id = ?2 AND is_live = 1)
                   OR EXISTS (SELECT 1 FROM outbox WHERE entity = ?1 AND record_id = ?2)
                   OR EXISTS (SELECT 1 FROM failures
                              WHERE entity = ?1 AND record_id = ?2
                                AND json_valid(body) AND body ->> 'action' = 'create')";
    let mut statement = connection.prepare_cached(sql)?;
    let values = params![Entity::Habit.as_str(), habit];
    Ok(statement.query_row(values, |row| row.get(0))?)
}

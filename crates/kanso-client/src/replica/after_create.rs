//! Edits that wait for the answer to the create of their record.
//!
//! A server that lost a record gets it again from each device that has it, and from the device that made
//! it. The first of them creates it; its values may be newer than those that another device knows. So an
//! edit of such a record is not sent in one request with the create: the answer says whose record it is.
//! If it is not the one of this device, the edit becomes a conflict for the user.

use kanso_domain::{Seq, Version};
use kanso_protocol::sync::{ActionName, OperationResult, OperationStatus};
use rusqlite::{Connection, params};

use super::outbox::{self, PendingOperation};
use super::row::MirrorTable;
use super::{RecordKey, ReplicaError, mirror};
use crate::clock::Ids;

/// A base that no record has reached. Such a base is never an older state of the record, so the server
/// reports a conflict for every member that the edit would change.
///
/// It is the largest number that a JSON reader with binary64 numbers gets exactly.
pub(super) const UNREACHED: Version = Version::new((1 << 53) - 1).unwrap();

/// Makes the edits of a record wait for its create, apart from those of the same group: they fail with
/// it. Marks the create too, so that later edits wait as well.
pub(super) fn hold(connection: &Connection, key: RecordKey) -> Result<(), ReplicaError> {
    // `json_valid` keeps a damaged body from failing the statement. Increments and deletes have no base,
    // so they overwrite nothing and need not wait.
    let sql = "WITH creates AS (
                   SELECT body ->> '$.group' AS name FROM outbox
                   WHERE entity = ?1 AND record_id = ?2 AND json_valid(body)
                     AND body ->> '$.action' = 'create')
               UPDATE outbox SET waits_for_create = 1
               WHERE entity = ?1 AND record_id = ?2 AND json_valid(body)
                 AND (body ->> '$.action' = 'create'
                      OR body ->> '$.action' = 'update'
                     AND NOT EXISTS (SELECT 1 FROM creates WHERE name = body ->> '$.group'))";
    let mut statement = connection.prepare_cached(sql)?;
    statement.execute(params![key.entity.as_str(), key.id])?;
    Ok(())
}

/// Makes the edits wait whose record the mirror lacks: the server may have lost the create, and it is sent
/// again.
///
/// `shared_up_to` is the newest position that both histories have. The server has kept a record with a
/// position up to there, and the retry of its create is a duplicate.
pub(super) fn hold_unknown(
    connection: &Connection,
    shared_up_to: Option<Seq>,
) -> Result<(), ReplicaError> {
    for key in outbox::keys(connection)? {
        let stored = mirror::row(connection, MirrorTable::Staged, key)?;
        // Its create and those of its edits that were carried out are duplicates at the next attempt, by
        // their ids. Waiting would give the edits new ids, and they would clash with themselves.
        let is_kept = stored.is_some_and(|row| shared_up_to.is_some_and(|at| row.seq <= at.get()));
        if !is_kept && mirror::row(connection, MirrorTable::Base, key)?.is_none() {
            hold(connection, key)?;
        }
    }
    Ok(())
}

/// Returns true if a new edit of the record has to wait for a create.
pub(super) fn is_held(connection: &Connection, key: RecordKey) -> Result<bool, ReplicaError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM outbox
                              WHERE entity = ?1 AND record_id = ?2 AND waits_for_create = 1)";
    let mut statement = connection.prepare_cached(sql)?;
    let values = params![key.entity.as_str(), key.id];
    Ok(statement.query_row(values, |row| row.get(0))?)
}

/// Time at which an operation can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readiness {
    Ready,
    /// The batch has the create.
    AfterThisBatch,
    /// The create waits too: the server deferred it, or it is in another group.
    AfterItsCreate,
}

/// Returns the time at which `pending` can be sent. `batch` are the operations before it.
pub(super) fn readiness(
    connection: &Connection,
    pending: &PendingOperation,
    batch: &[PendingOperation],
) -> Result<Readiness, ReplicaError> {
    let is_create = |pending: &PendingOperation| {
        outbox::request(&pending.body).map(|request| request.action == ActionName::Create)
    };
    if !pending.waits_for_create || is_create(pending)? {
        return Ok(Readiness::Ready);
    }
    for earlier in batch.iter().filter(|earlier| earlier.key == pending.key) {
        // The answer to this batch ends the waiting, so the next one can have the edit.
        if is_create(earlier)? {
            return Ok(Readiness::AfterThisBatch);
        }
    }
    let sql = "SELECT EXISTS (SELECT 1 FROM outbox
                              WHERE entity = ?1 AND record_id = ?2 AND position < ?3
                                AND acknowledged_seq IS NULL AND json_valid(body)
                                AND body ->> '$.action' = 'create')";
    let mut statement = connection.prepare_cached(sql)?;
    let key = pending.key;
    let values = params![key.entity.as_str(), key.id, pending.position];
    Ok(if statement.query_row(values, |row| row.get(0))? {
        Readiness::AfterItsCreate
    } else {
        Readiness::Ready
    })
}

/// Ends the waiting for `create` if `result` is its final answer.
pub(super) fn settle(
    connection: &Connection,
    create: &PendingOperation,
    result: &OperationResult,
    ids: &dyn Ids,
) -> Result<(), ReplicaError> {
    let is_final = !matches!(
        result.status,
        OperationStatus::Deferred | OperationStatus::OverQuota
    );
    if !create.waits_for_create
        || !is_final
        || outbox::request(&create.body)?.action != ActionName::Create
    {
        return Ok(());
    }
    let is_known = match result.status {
        OperationStatus::Applied | OperationStatus::Merged => true,
        // It found a record, perhaps of another device: a retry does not say if the first attempt did.
        // An offer has all members, so this device knows that record; the user's create may have fewer.
        OperationStatus::Noop | OperationStatus::Duplicate => create.is_offer,
        _ => false,
    };
    let made = result.version.and_then(Version::new);
    let base = made.filter(|_| is_known).unwrap_or(UNREACHED);
    let mut waiting = outbox::waiting_edits(connection, create.key)?;
    waiting.retain(|edit| edit.waits_for_create);
    rebase(connection, waiting, base, ids)?;
    // Whatever the answer was: the create leaves the outbox, so nothing else would end the waiting.
    let sql = "UPDATE outbox SET waits_for_create = 0 WHERE entity = ?1 AND record_id = ?2";
    let mut statement = connection.prepare_cached(sql)?;
    statement.execute(params![create.key.entity.as_str(), create.key.id])?;
    Ok(())
}

/// Puts `waiting` operations on the version `base`.
///
/// The server compares each with the edits that other devices made since then, and leaves out those
/// of this device, so the operations do not clash with one another.
///
/// An operation whose base version changes gets a new id, because the server may know the old id with
/// the old body, and rejects a known id with another body. Creates, deletes and increments have no base
/// version and keep their ids; so an increment that was applied before the loss is never counted twice.
pub(super) fn rebase(
    connection: &Connection,
    waiting: Vec<PendingOperation>,
    base: Version,
    ids: &dyn Ids,
) -> Result<(), ReplicaError> {
    for waiting in waiting {
        let request = outbox::request(&waiting.body)?;
        if request.base_version.is_some_and(|old| old != base.get()) {
            outbox::reissue(connection, &waiting, ids.next_id(), Some(base.get()))?;
        }
    }
    Ok(())
}

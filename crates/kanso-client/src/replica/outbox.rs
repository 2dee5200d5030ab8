//! The outbox: operations of this device that the server has not delivered back yet.
//!
//! An operation goes through two states. It *waits* until the server acknowledges it; then it has
//! an `acknowledged_seq` and is not sent again. It stays in the outbox, and thus in the view, until
//! the record has been delivered with that `seq` or a later one. Otherwise the view would fall back
//! to the old state for the time between the two.
//!
//! The order of `position` is the order in which operations are sent and applied. Appended
//! operations count up from 1. Operations that give a record back to the server go before all
//! others, so they count down from -1: SQLite assigns only positive numbers itself.

use kanso_domain::{Entity, Seq, Timestamp};
use kanso_protocol::sync::{ActionName, EntityName, OperationRequest};
use rusqlite::{Connection, Row, params};
use uuid::Uuid;

use super::after_create::{self, Readiness};
use super::codec::{entity, instant};
use super::{RecordKey, ReplicaError};
use crate::sync::MAX_BATCH_BYTES;

/// An operation that is not in the outbox yet.
#[derive(Debug)]
pub(crate) struct NewOperation {
    pub(crate) key: RecordKey,
    pub(crate) request: OperationRequest,
    pub(crate) at: Timestamp,
}

/// An operation in the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PendingOperation {
    pub(super) position: i64,
    pub(super) op_id: Uuid,
    pub(super) key: RecordKey,
    /// The operation as JSON. Each retry sends these bytes, because the server rejects a known
    /// `op_id` with another body.
    pub(super) body: String,
    pub(super) created_at: Timestamp,
    /// True if the replica made it to give a record back to a server that lost it. If another device
    /// has deleted the record since, the operation is dropped without a failure.
    pub(super) is_offer: bool,
    /// Device id under which the operation was made; `None` for the replica's present one.
    pub(super) device_id: Option<Uuid>,
    /// True if it is an edit that is sent only after the create of its record was answered.
    pub(super) waits_for_create: bool,
}

pub(super) const COLUMNS: &str =
    "position, op_id, entity, record_id, body, created_at, is_offer, device_id, waits_for_create";

impl PendingOperation {
    /// Reads a row of [`COLUMNS`].
    pub(super) fn read(row: &Row<'_>) -> Result<Self, ReplicaError> {
        Ok(Self {
            position: row.get(0)?,
            op_id: row.get(1)?,
            key: RecordKey {
                entity: entity(&row.get::<_, String>(2)?)?,
                id: row.get(3)?,
            },
            body: row.get(4)?,
            created_at: instant(row.get(5)?)?,
            is_offer: row.get(6)?,
            device_id: row.get(7)?,
            waits_for_create: row.get(8)?,
        })
    }

    /// Returns the operation.
    ///
    /// # Errors
    /// `Damaged` if the body is no operation, or not the one of this row.
    pub(super) fn request(&self) -> Result<OperationRequest, ReplicaError> {
        let request = request(&self.body)?;
        let is_of_this_row = request.op_id == self.op_id
            && request.id == self.key.id
            && entity_of(&request) == self.key.entity;
        if is_of_this_row {
            Ok(request)
        } else {
            Err(ReplicaError::damaged("an operation of another record"))
        }
    }

    /// Returns the group of the operation.
    pub(super) fn group(&self) -> Result<Option<String>, ReplicaError> {
        Ok(request(&self.body)?.group)
    }
}

/// The next operations to send.
#[derive(Debug, Default)]
pub(super) struct NextOperations {
    pub(super) operations: Vec<PendingOperation>,
    /// True if they are a part of one group, because the whole group does not fit into a request.
    pub(super) is_torn: bool,
}

/// Position before the first operation. Not zero, because positions can be negative.
pub(crate) const OUTBOX_START: i64 = i64::MIN;

/// Returns the text of an operation, as the outbox stores it.
pub(crate) fn body(operation: &NewOperation) -> Result<String, ReplicaError> {
    serde_json::to_string(&operation.request).map_err(ReplicaError::damaged)
}

pub(super) fn append(
    connection: &Connection,
    operation: &NewOperation,
) -> Result<(), ReplicaError> {
    // Serialised once, here: every retry sends this text.
    let body = body(operation)?;
    let is_update = operation.request.action == ActionName::Update;
    let waits_for_create = is_update && after_create::is_held(connection, operation.key)?;
    // After a change of the device id, an edit of a record with older operations gets the id of
    // those. Under the new id it would conflict with them.
    connection
        .prepare_cached(
            "INSERT INTO outbox (op_id, entity, record_id, body, created_at, device_id,
                 waits_for_create)
             VALUES (?1, ?2, ?3, ?4, ?5, (
                 SELECT device_id FROM outbox WHERE entity = ?2 AND record_id = ?3
                 ORDER BY position DESC LIMIT 1), ?6)",
        )?
        .execute(params![
            operation.request.op_id,
            operation.key.entity.as_str(),
            operation.key.id,
            body,
            operation.at.as_micros(),
            waits_for_create
        ])?;
    Ok(())
}

/// Returns the bodies of the operations on the record, in order.
pub(super) fn bodies(connection: &Connection, key: RecordKey) -> Result<Vec<String>, ReplicaError> {
    let mut statement = connection.prepare_cached(
        "SELECT body FROM outbox WHERE entity = ?1 AND record_id = ?2 ORDER BY position",
    )?;
    let rows = statement.query_map(params![key.entity.as_str(), key.id], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn request(body: &str) -> Result<OperationRequest, ReplicaError> {
    serde_json::from_str(body).map_err(ReplicaError::damaged)
}

pub(super) const fn entity_of(request: &OperationRequest) -> Entity {
    match request.entity {
        EntityName::Habit => Entity::Habit,
        EntityName::Entry => Entity::Entry,
    }
}

/// Returns the first waiting operations after the position `after`.
///
/// At most `limit` operations of about `bytes` in total, but at least one operation or one group if
/// there is any: an operation larger than `bytes` must not block the outbox. All have one device id, because a
/// request has one.
pub(super) fn next(
    connection: &Connection,
    after: i64,
    limit: usize,
    bytes: usize,
) -> Result<NextOperations, ReplicaError> {
    if limit == 0 {
        return Ok(NextOperations {
            operations: Vec::new(),
            is_torn: false,
        });
    }
    let sql = format!(
        "SELECT {COLUMNS} FROM outbox
         WHERE position > ?1 AND acknowledged_seq IS NULL ORDER BY position"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    // Rows are read one by one, up to the first that does not fit.
    let mut rows = statement.query([after])?;
    let mut batch: Vec<PendingOperation> = Vec::new();
    let (mut size, mut is_torn) = (0, false);
    let mut skipped_group = None;
    while let Some(row) = rows.next()? {
        let waiting = PendingOperation::read(row)?;
        // Checked here, so that a damaged one is set aside before anything is sent.
        let group = waiting.request()?.group;
        if group.is_some() && group == skipped_group {
            continue;
        }
        // The outcome of a create of the record decides on which version the operation builds.
        match after_create::readiness(connection, &waiting, &batch)? {
            Readiness::Ready => {}
            Readiness::AfterThisBatch => {
                keep_group_whole(&mut batch, &waiting)?;
                break;
            }
            // The operations behind it do not wait for it.
            Readiness::AfterItsCreate => {
                keep_group_whole(&mut batch, &waiting)?;
                skipped_group = group;
                continue;
            }
        }
        // One byte for the comma between two operations.
        size += waiting.body.len() + 1;
        let is_full = batch.len() >= limit || size > bytes;
        // A group is sent whole, even if it is larger than the limits of this batch, as long as a
        // request may have it.
        let fits = batch.len() < kanso_protocol::MAX_OPERATIONS && size <= MAX_BATCH_BYTES;
        let is_all_of_one_group = group.is_some()
            && batch.first().map(PendingOperation::group).transpose()? == Some(group.clone());
        if is_full && !batch.is_empty() && !(fits && is_all_of_one_group) {
            is_torn = !keep_group_whole(&mut batch, &waiting)?;
            break;
        }
        if let Some(last) = batch.last()
            && last.device_id != waiting.device_id
            // A group must be in one request. Its records may have older operations of two ids.
            && (group.is_none() || group != last.group()?)
        {
            break;
        }
        batch.push(waiting);
    }
    Ok(NextOperations {
        operations: batch,
        is_torn,
    })
}

/// Removes the last group from `batch` if `next` belongs to it too. Returns false if nothing would
/// be left: the group is larger than a request.
///
/// A group must be in one request, side by side: the server rejects a split one.
pub(super) fn keep_group_whole(
    batch: &mut Vec<PendingOperation>,
    next: &PendingOperation,
) -> Result<bool, ReplicaError> {
    let Some(group) = request(&next.body)?.group else {
        return Ok(true);
    };
    // Groups are contiguous, so the last operations of the batch are the ones to check.
    let mut kept = batch.len();
    for waiting in batch.iter().rev() {
        if request(&waiting.body)?.group.as_ref() != Some(&group) {
            break;
        }
        kept -= 1;
    }
    if kept > 0 {
        batch.truncate(kept);
    }
    Ok(kept > 0 || batch.is_empty())
}

/// Returns the waiting operations of a group, in order.
pub(super) fn of_group(
    connection: &Connection,
    group: &str,
) -> Result<Vec<PendingOperation>, ReplicaError> {
    // `json_valid` keeps a damaged body from failing the statement.
    select(
        connection,
        "acknowledged_seq IS NULL AND CASE WHEN json_valid(body) THEN body ->> '$.group' = ?1 END",
        params![group],
    )
}

/// Returns the user's waiting operations on the record, in order.
pub(super) fn waiting_edits(
    connection: &Connection,
    key: RecordKey,
) -> Result<Vec<PendingOperation>, ReplicaError> {
    select(
        connection,
        "entity = ?1 AND record_id = ?2 AND acknowledged_seq IS NULL AND NOT is_offer",
        params![key.entity.as_str(), key.id],
    )
}

/// Returns the operations that satisfy the SQL `condition`, in order.
pub(super) fn select(
    connection: &Connection,
    condition: &str,
    parameters: &[&dyn rusqlite::ToSql],
) -> Result<Vec<PendingOperation>, ReplicaError> {
    let sql = format!("SELECT {COLUMNS} FROM outbox WHERE {condition} ORDER BY position");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(parameters)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(PendingOperation::read(row)?);
    }
    Ok(found)
}

/// Inserts operations before all others and keeps their order.
///
/// They give records back to a server that lost them, and the user's waiting operations build on
/// these records.
pub(super) fn prepend(
    connection: &Connection,
    operations: &[NewOperation],
) -> Result<(), ReplicaError> {
    let sql = "SELECT min(0, coalesce(min(position), 0)) FROM outbox";
    let first: i64 = connection
        .prepare_cached(sql)?
        .query_row([], |row| row.get(0))?;
    let mut statement = connection.prepare_cached(
        "INSERT INTO outbox (position, op_id, entity, record_id, body, created_at, is_offer,
             waits_for_create)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, ?7)",
    )?;
    // `first` is the smallest position in use, and at most 0. `AUTOINCREMENT` never assigns a number
    // below 1, so the positions below `first` are free. They are filled from the last operation
    // to the first, because positions count down here.
    let positions = (i64::MIN..first).rev().take(operations.len());
    for (position, operation) in positions.zip(operations.iter().rev()) {
        statement.execute(params![
            position,
            operation.request.op_id,
            operation.key.entity.as_str(),
            operation.key.id,
            body(operation)?,
            operation.at.as_micros(),
            operation.request.action == ActionName::Create
        ])?;
    }
    Ok(())
}

/// Marks an operation as committed on the server at `seq`. It stays in the view until its record
/// has been delivered.
pub(super) fn acknowledge(
    connection: &Connection,
    op_id: Uuid,
    seq: Seq,
) -> Result<(), ReplicaError> {
    connection
        .prepare_cached("UPDATE outbox SET acknowledged_seq = ?2 WHERE op_id = ?1")?
        .execute(params![op_id, seq.get()])?;
    Ok(())
}

/// Records that the server deferred an operation.
///
/// A deferred operation was certainly not applied, so an increment is no longer in doubt.
pub(super) fn defer(connection: &Connection, op_id: Uuid) -> Result<(), ReplicaError> {
    connection
        .prepare_cached(
            "UPDATE outbox SET first_sent_at = NULL WHERE op_id = ?1 AND first_sent_at IS NOT NULL",
        )?
        .execute([op_id])?;
    Ok(())
}

/// Removes an operation. Returns false if another process has removed it already.
pub(super) fn remove(connection: &Connection, op_id: Uuid) -> Result<bool, ReplicaError> {
    let removed = connection
        .prepare_cached("DELETE FROM outbox WHERE op_id = ?1")?
        .execute([op_id])?;
    // Another process may have applied the same answer first.
    Ok(removed > 0)
}

/// Removes acknowledged operations after the whole history up to `head` has been read.
///
/// Call [`forget_lost`] first: it requeues those that are missing from the history.
pub(super) fn settle_all(
    connection: &Connection,
    head: Seq,
) -> Result<Vec<RecordKey>, ReplicaError> {
    let mut statement = connection.prepare_cached(
        "DELETE FROM outbox WHERE acknowledged_seq <= ?1 RETURNING entity, record_id",
    )?;
    read_keys(&mut statement.query([head.get()])?)
}

/// Removes acknowledged operations whose records have been delivered, while more pages follow.
///
/// The comparison is `>=` and not `=`: a record that was edited again is delivered once, with the
/// `seq` of its newest edit.
pub(super) fn settle_delivered(connection: &Connection) -> Result<Vec<RecordKey>, ReplicaError> {
    let mut statement = connection.prepare_cached(
        "DELETE FROM outbox
         WHERE acknowledged_seq IS NOT NULL AND EXISTS (
             SELECT 1 FROM base
             WHERE base.entity = outbox.entity AND base.id = outbox.record_id
               AND base.seq >= outbox.acknowledged_seq)
         RETURNING entity, record_id",
    )?;
    read_keys(&mut statement.query([])?)
}

/// Requeues acknowledged operations that are missing from the history, which was read up to `head`.
/// Returns true if there were any.
///
/// Such an operation was lost with the server's last commits, for example when a standby without
/// them took over. A record can be missing for a harmless reason too: another device deleted it,
/// and a first pull delivers no tombstones. The two cases look the same, so an operation is
/// requeued at most once (`is_resent`); the server answers a known one as a duplicate. If this
/// device deleted the record itself, the reason is known, and nothing is requeued.
pub(super) fn forget_lost(connection: &Connection, head: Seq) -> Result<bool, ReplicaError> {
    let forgotten = connection
        .prepare_cached(include_str!("outbox/forget_lost.sql"))?
        .execute([head.get()])?;
    Ok(forgotten > 0)
}

/// Requeues all acknowledged operations, because a resync begins.
///
/// The `acknowledged_seq` belongs to the old history and means nothing in the new one. The server
/// answers the operations that it still knows as duplicates.
pub(super) fn forget_acknowledgements(connection: &Connection) -> Result<(), ReplicaError> {
    connection
        .prepare_cached("UPDATE outbox SET acknowledged_seq = NULL")?
        .execute([])?;
    Ok(())
}

/// Replaces the id and the base version of an operation, so that the server treats it as new.
///
/// The id has to change together with the body: the server rejects a known `op_id` with another
/// body, and would answer a known `op_id` with the old result. The position stays, because later
/// operations build on this one. `first_sent_at` belongs to the old id and is cleared.
pub(super) fn reissue(
    connection: &Connection,
    waiting: &PendingOperation,
    op_id: Uuid,
    base_version: Option<i64>,
) -> Result<(), ReplicaError> {
    let request = OperationRequest {
        op_id,
        base_version,
        ..request(&waiting.body)?
    };
    let body = serde_json::to_string(&request).map_err(ReplicaError::damaged)?;
    connection
        .prepare_cached(
            "UPDATE outbox SET op_id = ?2, body = ?3, first_sent_at = NULL WHERE op_id = ?1",
        )?
        .execute(params![waiting.op_id, op_id, body])?;
    Ok(())
}

/// Returns true if an earlier operation on the same record still waits.
pub(super) fn waits_behind_another(
    connection: &Connection,
    waiting: &PendingOperation,
) -> Result<bool, ReplicaError> {
    let sql = "SELECT EXISTS (
                   SELECT 1 FROM outbox WHERE entity = ?1 AND record_id = ?2 AND position < ?3
                     AND acknowledged_seq IS NULL)";
    Ok(connection.prepare_cached(sql)?.query_row(
        params![
            waiting.key.entity.as_str(),
            waiting.key.id,
            waiting.position
        ],
        |row| row.get(0),
    )?)
}

/// Returns the number of waiting operations.
pub(super) fn count(connection: &Connection) -> Result<u64, ReplicaError> {
    let sql = "SELECT count(*) FROM outbox WHERE acknowledged_seq IS NULL";
    let count: i64 = connection
        .prepare_cached(sql)?
        .query_row([], |row| row.get(0))?;
    Ok(count.cast_unsigned())
}

/// Returns the records that have operations in the outbox.
pub(super) fn keys(connection: &Connection) -> Result<Vec<RecordKey>, ReplicaError> {
    let mut statement =
        connection.prepare_cached("SELECT DISTINCT entity, record_id FROM outbox")?;
    read_keys(&mut statement.query([])?)
}

pub(super) fn read_keys(rows: &mut rusqlite::Rows<'_>) -> Result<Vec<RecordKey>, ReplicaError> {
    let mut keys = Vec::new();
    while let Some(row) = rows.next()? {
        match read_key(row) {
            Ok(key) => keys.push(key),
            // Damaged key columns name no record, and must not stop the work on the others.
            Err(ReplicaError::Damaged { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(keys)
}

/// Reads a row `(entity, id)`.
pub(super) fn read_key(row: &Row<'_>) -> Result<RecordKey, ReplicaError> {
    Ok(RecordKey {
        entity: entity(&row.get::<_, String>(0)?)?,
        id: row.get(1)?,
    })
}

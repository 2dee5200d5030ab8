//! Rejected operations that wait for the user's decision.

use std::collections::BTreeSet;

use kanso_domain::{Entity, Timestamp};
use kanso_protocol::sync::{ActionName, EntityName, OperationRequest, OperationResult};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use uuid::Uuid;

use super::codec::{entity, instant};
use super::damage::rejected;
use super::outbox::{self, PendingOperation};
use super::{RecordKey, Replica, ReplicaError, account, view};

/// Code of a failure whose outcome the server no longer knows. Only the client uses it; no server
/// sends it.
pub(super) const OUTCOME_UNKNOWN: &str = "outcome_unknown";

/// Code of a failure whose operation can no longer be read on this device. No server sends it.
pub(super) const DAMAGED: &str = "damaged";
/// Code of a failure that was never sent, because its group does not fit into one request. Only the
/// client uses it.
pub(super) const GROUP_TOO_LARGE: &str = "group_too_large";

/// An operation that the server rejected: a conflict, a deleted record, or an invalid operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// Number of the failure on this device.
    pub id: i64,
    /// The rejected operation. Of a damaged one it has only the record, as far as it is known.
    pub operation: OperationRequest,
    /// Text of a damaged operation; `None` if the operation can be read.
    pub raw: Option<String>,
    /// Answer of the server. For a conflict it has the server's record and the clashing members.
    pub result: OperationResult,
    /// Instant at which the operation was made on this device.
    pub written_at: Timestamp,
    /// Instant at which the server's answer arrived.
    pub failed_at: Timestamp,
}

impl Failure {
    /// Returns the server's record as JSON, if the answer has one.
    pub fn server_record(&self) -> Option<&serde_json::Value> {
        // A conflict carries the server's record; a `gone` result carries the tombstone instead.
        let conflicting = self
            .result
            .conflict
            .as_ref()
            .map(|conflict| &conflict.record);
        conflicting.or(self.result.record.as_ref())
    }

    /// Returns the members that both this operation and another device changed.
    pub fn clashing(&self) -> &[String] {
        self.result
            .conflict
            .as_ref()
            .map_or(&[], |conflict| &conflict.clashing)
    }

    /// Returns the members of this operation that no other device changed.
    pub fn mergeable(&self) -> &[String] {
        self.result
            .conflict
            .as_ref()
            .map_or(&[], |conflict| &conflict.mergeable)
    }

    /// Returns true if it is unknown whether the server applied the operation.
    ///
    /// The answer was lost, and the server no longer stores the result. The operation is an
    /// increment, or is in a group with one. [`Client::keep_mine`] sends it as a new operation,
    /// [`Client::take_theirs`] drops it.
    ///
    /// [`Client::keep_mine`]: crate::Client::keep_mine
    /// [`Client::take_theirs`]: crate::Client::take_theirs
    pub fn is_outcome_unknown(&self) -> bool {
        self.result.code.as_deref() == Some(OUTCOME_UNKNOWN)
    }

    /// Returns true if the operation can no longer be read, because the replica was damaged on this
    /// device. Only [`Client::take_theirs`] is possible; [`Failure::raw`] has what is left of it.
    ///
    /// [`Client::take_theirs`]: crate::Client::take_theirs
    pub const fn is_damaged(&self) -> bool {
        self.raw.is_some()
    }

    /// Returns true if the operation never left the device, because its group does not fit into one
    /// request.
    pub fn is_unsent(&self) -> bool {
        self.result.code.as_deref() == Some(GROUP_TOO_LARGE)
    }

    /// Returns the device that last changed the server's record, if it is known.
    pub fn changed_by(&self) -> Option<Uuid> {
        self.result.conflict.as_ref()?.changed_by
    }

    /// Returns the instant of the last change of the server's record, if there is one.
    pub fn changed_at(&self) -> Option<Timestamp> {
        Some(self.result.conflict.as_ref()?.changed_at)
    }
}

const SELECT: &str = "SELECT id, body, result, written_at, failed_at, op_id, entity, record_id
                      FROM failures";

/// A failure that is not stored yet. The key columns may be damaged.
pub(super) struct NewFailure<'a> {
    pub(super) op_id: &'a [u8],
    pub(super) entity: &'a str,
    pub(super) record_id: &'a [u8],
    pub(super) body: &'a str,
    pub(super) result: &'a OperationResult,
    pub(super) written_at: i64,
}

impl Replica {
    /// Moves the waiting operations of a group that does not fit into one request to the failures.
    /// Returns the failures and the records that they are about.
    pub(crate) fn set_aside_group(
        &mut self,
        group: &str,
        now: Timestamp,
    ) -> Result<(Vec<Failure>, BTreeSet<RecordKey>), ReplicaError> {
        let transaction = self.begin()?;
        let operations = outbox::of_group(&transaction, group)?;
        let done = set_aside(&transaction, &operations, GROUP_TOO_LARGE, now)?;
        transaction.commit()?;
        Ok(done)
    }
}

/// Moves waiting operations to the failures, with a result that no server sent. Returns the failures
/// and the records that they are about.
pub(super) fn set_aside(
    transaction: &Transaction<'_>,
    operations: &[PendingOperation],
    code: &str,
    now: Timestamp,
) -> Result<(Vec<Failure>, BTreeSet<RecordKey>), ReplicaError> {
    let settings = account::settings(transaction)?;
    let (mut set_aside, mut changed) = (Vec::new(), BTreeSet::new());
    for waiting in operations {
        // Another process may have removed it meanwhile.
        if outbox::remove(transaction, waiting.op_id)? {
            let result = rejected(waiting.op_id, code);
            set_aside.push(store(transaction, waiting, &result, now)?);
            changed.insert(waiting.key);
        }
    }
    for &key in &changed {
        view::refresh(transaction, key, &settings)?;
    }
    Ok((set_aside, changed))
}

/// Stores a rejected operation and returns it as a failure.
pub(super) fn store(
    connection: &Connection,
    rejected: &PendingOperation,
    result: &OperationResult,
    now: Timestamp,
) -> Result<Failure, ReplicaError> {
    let failure = NewFailure {
        op_id: rejected.op_id.as_bytes(),
        entity: rejected.key.entity.as_str(),
        record_id: rejected.key.id.as_bytes(),
        body: &rejected.body,
        result,
        written_at: rejected.created_at.as_micros(),
    };
    insert(connection, &failure, now)
}

/// Stores a failure and returns it.
pub(super) fn insert(
    connection: &Connection,
    new: &NewFailure<'_>,
    now: Timestamp,
) -> Result<Failure, ReplicaError> {
    // The whole answer is stored: the user may decide days later and offline, and needs both sides.
    let json = serde_json::to_string(new.result).map_err(ReplicaError::damaged)?;
    let id: i64 = connection
        .prepare_cached(
            "INSERT INTO failures (op_id, entity, record_id, body, result, written_at, failed_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) RETURNING id",
        )?
        .query_row(
            params![
                new.op_id,
                new.entity,
                new.record_id,
                new.body,
                json,
                new.written_at,
                now.as_micros()
            ],
            |row| row.get(0),
        )?;
    let stored = one(connection, id)?;
    stored.ok_or_else(|| ReplicaError::damaged("a failure that was just stored"))
}

/// Reads a row of [`SELECT`]. What is damaged in it is left out, so that the user can still decide
/// on it and on all others.
fn read(row: &Row<'_>) -> Result<Failure, ReplicaError> {
    let bytes = |column| -> Result<Vec<u8>, ReplicaError> {
        Ok(match row.get_ref(column)? {
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.to_vec(),
            _ => Vec::new(),
        })
    };
    let uuid =
        |column| Ok::<_, ReplicaError>(Uuid::from_slice(&bytes(column)?).unwrap_or_default());
    let text =
        |column| Ok::<_, ReplicaError>(String::from_utf8_lossy(&bytes(column)?).into_owned());
    let at = |column| Ok::<_, ReplicaError>(instant(row.get(column)?).unwrap_or(Timestamp::MIN));
    let body = text(1)?;
    let op_id = uuid(5)?;
    let result = serde_json::from_str(&text(2)?);
    let result = result.unwrap_or_else(|_| rejected(op_id, DAMAGED));
    let operation = outbox::request(&body).ok();
    // The columns of an operation that can be read may be damaged.
    let is_damaged = operation.is_none() || result.code.as_deref() == Some(DAMAGED);
    let entity = match entity(&text(6)?) {
        Ok(Entity::Habit) => EntityName::Habit,
        Ok(Entity::Entry) | Err(_) => EntityName::Entry,
    };
    let id = uuid(7)?;
    Ok(Failure {
        id: row.get(0)?,
        operation: operation.unwrap_or_else(|| unreadable(op_id, entity, id)),
        raw: is_damaged.then_some(body),
        result,
        written_at: at(3)?,
        failed_at: at(4)?,
    })
}

/// Returns what is known of an operation that cannot be read.
fn unreadable(op_id: Uuid, entity: EntityName, id: Uuid) -> OperationRequest {
    OperationRequest {
        op_id,
        entity,
        action: ActionName::Update,
        id,
        base_version: None,
        on_conflict: None,
        revive: false,
        purge: false,
        group: None,
        group_size: None,
        fields: None,
    }
}

pub(super) fn one(connection: &Connection, id: i64) -> Result<Option<Failure>, ReplicaError> {
    let sql = format!("{SELECT} WHERE id = ?1");
    let found = connection
        .query_row(&sql, [id], |row| Ok(read(row)))
        .optional()?;
    found.transpose()
}

pub(super) fn remove(connection: &Connection, id: i64) -> Result<(), ReplicaError> {
    connection
        .prepare_cached("DELETE FROM failures WHERE id = ?1")?
        .execute([id])?;
    Ok(())
}

pub(super) fn count(connection: &Connection) -> Result<u64, ReplicaError> {
    let sql = "SELECT count(*) FROM failures";
    let count: i64 = connection
        .prepare_cached(sql)?
        .query_row([], |row| row.get(0))?;
    Ok(count.cast_unsigned())
}

impl Replica {
    /// Returns all failures, oldest first.
    pub(crate) fn failures(&self) -> Result<Vec<Failure>, ReplicaError> {
        let mut statement = self.connection.prepare(&format!("{SELECT} ORDER BY id"))?;
        let mut rows = statement.query([])?;
        let mut failures = Vec::new();
        while let Some(row) = rows.next()? {
            failures.push(read(row)?);
        }
        Ok(failures)
    }
}

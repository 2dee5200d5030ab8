//! Rejected operations that wait for the user's decision.

use std::collections::BTreeSet;

use kanso_domain::Timestamp;
use kanso_protocol::sync::{OperationRequest, OperationResult, OperationStatus};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use uuid::Uuid;

use super::codec::instant;
use super::outbox::{self, PendingOperation};
use super::{RecordKey, Replica, ReplicaError, account, view};

/// Code of a failure whose outcome the server no longer knows. Only the client uses it; no server
/// sends it.
pub(super) const OUTCOME_UNKNOWN: &str = "outcome_unknown";

/// Code of a failure that was never sent, because its group does not fit into one request. Only the
/// client uses it.
pub(super) const GROUP_TOO_LARGE: &str = "group_too_large";

/// An operation that the server rejected: a conflict, a deleted record, or an invalid operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// Number of the failure on this device.
    pub id: i64,
    /// The rejected operation.
    pub operation: OperationRequest,
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

const SELECT: &str = "SELECT id, body, result, written_at, failed_at FROM failures";

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
        outbox::remove(transaction, waiting.op_id)?;
        let result = rejected_here(waiting, code);
        set_aside.push(store(transaction, waiting, &result, now)?);
        changed.insert(waiting.key);
    }
    for &key in &changed {
        view::refresh(transaction, key, &settings)?;
    }
    Ok((set_aside, changed))
}

/// Returns the result of an operation that the client itself rejects with `code`.
fn rejected_here(rejected: &PendingOperation, code: &str) -> OperationResult {
    OperationResult {
        op_id: Some(rejected.op_id),
        status: OperationStatus::Rejected,
        version: None,
        seq: None,
        conflict: None,
        record: None,
        code: Some(code.to_owned()),
        errors: Vec::new(),
        waits_for: None,
    }
}

/// Stores a rejected operation and returns it as a failure.
pub(super) fn store(
    connection: &Connection,
    rejected: &PendingOperation,
    result: &OperationResult,
    now: Timestamp,
) -> Result<Failure, ReplicaError> {
    // The whole answer is stored: the user may decide days later and offline, and needs both sides.
    let json = serde_json::to_string(result).map_err(ReplicaError::damaged)?;
    let id = connection
        .prepare_cached(
            "INSERT INTO failures (op_id, entity, record_id, body, result, written_at, failed_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) RETURNING id",
        )?
        .query_row(
            params![
                rejected.op_id,
                rejected.key.entity.as_str(),
                rejected.key.id,
                rejected.body,
                json,
                rejected.created_at.as_micros(),
                now.as_micros()
            ],
            |row| row.get(0),
        )?;
    // Built from the arguments; reading the row again would only parse the same JSON.
    Ok(Failure {
        id,
        operation: outbox::request(&rejected.body)?,
        result: result.clone(),
        written_at: rejected.created_at,
        failed_at: now,
    })
}

fn read(row: &Row<'_>) -> Result<Failure, ReplicaError> {
    let body: String = row.get(1)?;
    let result: String = row.get(2)?;
    Ok(Failure {
        id: row.get(0)?,
        operation: outbox::request(&body)?,
        result: serde_json::from_str(&result).map_err(ReplicaError::damaged)?,
        written_at: instant(row.get(3)?)?,
        failed_at: instant(row.get(4)?)?,
    })
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

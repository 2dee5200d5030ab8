//! What the server refused for good, until a person has decided.

use kanso_domain::Timestamp;
use kanso_protocol::sync::{OperationRequest, OperationResult};
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::codec::instant;
use super::outbox::{self, Waiting};
use super::unsure::OUTCOME_UNKNOWN;
use super::{Replica, ReplicaError};

/// An operation that the server refused for good.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// Names it on this device.
    pub id: i64,
    /// What was written here.
    pub operation: OperationRequest,
    /// What the server answered: with a conflict, its record and the members that clash.
    pub result: OperationResult,
    /// When it was written here.
    pub written_at: Timestamp,
    /// When the server refused it.
    pub failed_at: Timestamp,
}

impl Failure {
    /// The record that the server has instead, as JSON, where it has one.
    pub fn server_record(&self) -> Option<&serde_json::Value> {
        let conflicting = self
            .result
            .conflict
            .as_ref()
            .map(|conflict| &conflict.record);
        conflicting.or(self.result.record.as_ref())
    }

    /// The members that were written here and that another device changed meanwhile.
    pub fn clashing(&self) -> &[String] {
        self.result
            .conflict
            .as_ref()
            .map_or(&[], |conflict| &conflict.clashing)
    }

    /// The members that were written here and that nobody else touched.
    pub fn mergeable(&self) -> &[String] {
        self.result
            .conflict
            .as_ref()
            .map_or(&[], |conflict| &conflict.mergeable)
    }

    /// Whether nobody can tell if the server carried it out: its answer was lost, and the server has
    /// forgotten since. It is an increment, or in a group with one. [`Client::keep_mine`] sends it as
    /// a new one, [`Client::take_theirs`] drops it.
    ///
    /// [`Client::keep_mine`]: crate::Client::keep_mine
    /// [`Client::take_theirs`]: crate::Client::take_theirs
    pub fn is_outcome_unknown(&self) -> bool {
        self.result.code.as_deref() == Some(OUTCOME_UNKNOWN)
    }

    /// The device that wrote what the server has, where that is known.
    pub fn changed_by(&self) -> Option<Uuid> {
        self.result.conflict.as_ref()?.changed_by
    }

    /// Since when the server has what it has, where there is something.
    pub fn changed_at(&self) -> Option<Timestamp> {
        Some(self.result.conflict.as_ref()?.changed_at)
    }
}

const SELECT: &str = "SELECT id, body, result, written_at, failed_at FROM failures";

/// Keeps what was refused. Answers with what is on the list now.
pub(super) fn keep(
    connection: &Connection,
    refused: &Waiting,
    result: &OperationResult,
    now: Timestamp,
) -> Result<Failure, ReplicaError> {
    let json = serde_json::to_string(result).map_err(ReplicaError::damaged)?;
    let id = connection
        .prepare_cached(
            "INSERT INTO failures (op_id, entity, record_id, body, result, written_at, failed_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) RETURNING id",
        )?
        .query_row(
            params![
                refused.op_id,
                refused.key.entity.as_str(),
                refused.key.id,
                refused.body,
                json,
                refused.created_at.as_micros(),
                now.as_micros()
            ],
            |row| row.get(0),
        )?;
    Ok(Failure {
        id,
        operation: outbox::request(&refused.body)?,
        result: result.clone(),
        written_at: refused.created_at,
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
    /// Everything on the list, oldest first.
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

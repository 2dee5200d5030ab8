//! Setting aside operations of the outbox that can no longer be read.
//!
//! A disk can damage a row of the outbox. No other copy of it exists, so it cannot be repaired; but it
//! must not stop the others either. Such an operation becomes a failure with its raw text.

use std::collections::BTreeSet;

use kanso_domain::Timestamp;
use kanso_protocol::sync::{OperationRequest, OperationResult, OperationStatus};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, params};
use serde_json::Value;
use uuid::Uuid;

use super::apply::Batch;
use super::failures::{self, DAMAGED, Failure, NewFailure};
use super::outbox::{self, PendingOperation};
use super::{RecordKey, Replica, ReplicaError, account, view};

/// Code of an operation that failed with another one of its group.
const GROUP_FAILED: &str = "group_failed";

/// Code of an operation that is larger than the server accepts.
const TOO_LARGE: &str = "too_large";

/// A waiting row of the outbox, of which anything may be damaged.
struct RawRow {
    position: i64,
    op_id: Vec<u8>,
    entity: String,
    record_id: Vec<u8>,
    body: String,
    created_at: i64,
    /// The operation; `None` if the row is damaged.
    operation: Option<OperationRequest>,
    /// Group and its size, as far as they can be read.
    group: Option<String>,
    group_size: Option<u64>,
}

impl RawRow {
    fn read(row: &Row<'_>) -> Result<Self, ReplicaError> {
        let bytes = |column| -> Result<Vec<u8>, ReplicaError> {
            Ok(match row.get_ref(column)? {
                ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.to_vec(),
                // The table is `STRICT`, so these columns hold nothing else.
                _ => Vec::new(),
            })
        };
        let text =
            |column| Ok::<_, ReplicaError>(String::from_utf8_lossy(&bytes(column)?).into_owned());
        let body = text(4)?;
        let parsed: Value = serde_json::from_str(&body).unwrap_or_default();
        let group = parsed.get("group").and_then(Value::as_str);
        Ok(Self {
            position: row.get(0)?,
            op_id: bytes(1)?,
            entity: text(2)?,
            record_id: bytes(3)?,
            created_at: row.get(5)?,
            operation: PendingOperation::read(row)
                .and_then(|pending| pending.request())
                .ok(),
            group: group.map(str::to_owned),
            group_size: parsed.get("group_size").and_then(Value::as_u64),
            body,
        })
    }

    fn op_id(&self) -> Uuid {
        Uuid::from_slice(&self.op_id).unwrap_or_default()
    }

    fn key(&self) -> Option<RecordKey> {
        Some(RecordKey {
            entity: super::codec::entity(&self.entity).ok()?,
            id: Uuid::from_slice(&self.record_id).ok()?,
        })
    }
}

impl Replica {
    /// Moves the waiting operations that cannot be read to the failures, each with the rest of its
    /// group. Returns the failures and the records that they are about.
    pub(crate) fn set_aside_damaged(
        &mut self,
        now: Timestamp,
    ) -> Result<(Vec<Failure>, BTreeSet<RecordKey>), ReplicaError> {
        let transaction = self.begin()?;
        let rows = rows(&transaction)?;
        let (mut set_aside, mut changed) = (Vec::new(), BTreeSet::new());
        for (row, code) in to_set_aside(&rows) {
            transaction
                .prepare_cached("DELETE FROM outbox WHERE position = ?1")?
                .execute([row.position])?;
            let result = rejected(row.op_id(), code);
            let failure = NewFailure {
                op_id: &row.op_id,
                entity: &row.entity,
                record_id: &row.record_id,
                body: &row.body,
                result: &result,
                written_at: row.created_at,
            };
            set_aside.push(failures::insert(&transaction, &failure, now)?);
            changed.extend(row.key());
        }
        let settings = account::settings(&transaction)?;
        for &key in &changed {
            view::refresh(&transaction, key, &settings)?;
        }
        transaction.commit()?;
        Ok((set_aside, changed))
    }
}

impl Replica {
    /// Moves the operations of `batch` to the failures: the server will never accept them.
    pub(crate) fn set_aside_too_large(
        &mut self,
        batch: &Batch,
        now: Timestamp,
    ) -> Result<(Vec<Failure>, BTreeSet<RecordKey>), ReplicaError> {
        let transaction = self.begin()?;
        let done = failures::set_aside(&transaction, &batch.operations, TOO_LARGE, now)?;
        transaction.commit()?;
        Ok(done)
    }
}

fn rows(connection: &Connection) -> Result<Vec<RawRow>, ReplicaError> {
    let sql = format!(
        "SELECT {} FROM outbox WHERE acknowledged_seq IS NULL ORDER BY position",
        outbox::COLUMNS
    );
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query(params![])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(RawRow::read(row)?);
    }
    Ok(found)
}

/// Returns the damaged rows and the rest of their groups, with the code of each failure.
///
/// The group of a damaged row may be unreadable. It belongs to a group if both of its neighbours do,
/// or if a neighbour's group lacks an operation.
fn to_set_aside(rows: &[RawRow]) -> Vec<(&RawRow, &'static str)> {
    let mut groups: BTreeSet<&str> = BTreeSet::new();
    for (at, row) in rows.iter().enumerate() {
        if row.operation.is_some() {
            continue;
        }
        groups.extend(row.group.as_deref());
        let healthy = |row: &&RawRow| row.operation.is_some();
        let before = rows[..at].iter().rev().find(healthy);
        let after = rows[at + 1..].iter().find(healthy);
        let group = |row: Option<&RawRow>| row.and_then(|row| row.group.clone());
        let (before_group, after_group) = (group(before), group(after));
        let is_inside = before_group.is_some() && before_group == after_group;
        for neighbour in [before, after].into_iter().flatten() {
            if let Some(name) = neighbour.group.as_deref()
                && (is_inside || lacks_one(rows, name, neighbour.group_size))
            {
                groups.insert(name);
            }
        }
    }
    rows.iter()
        .filter_map(|row| match (&row.operation, row.group.as_deref()) {
            (None, _) => Some((row, DAMAGED)),
            (Some(_), Some(group)) if groups.contains(group) => Some((row, GROUP_FAILED)),
            _ => None,
        })
        .collect()
}

/// Returns true if the group has fewer operations than it says.
fn lacks_one(rows: &[RawRow], group: &str, size: Option<u64>) -> bool {
    let is_member = |row: &&RawRow| row.operation.is_some() && row.group.as_deref() == Some(group);
    let count = rows.iter().filter(is_member).count() as u64;
    size.is_some_and(|size| count < size)
}

pub(super) fn rejected(op_id: Uuid, code: &str) -> OperationResult {
    OperationResult {
        op_id: Some(op_id),
        status: OperationStatus::Rejected,
        version: None,
        seq: None,
        conflict: None,
        record: None,
        code: Some(code.to_owned()),
        errors: Vec::new(),
        quota: None,
        waits_for: None,
    }
}

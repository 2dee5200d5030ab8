//! The operations of the outbox as the overlay applies them.

use kanso_domain::sync::Action;
use kanso_domain::{Date, Timestamp};
use kanso_protocol::sync::OperationRequest;
use rusqlite::{Connection, params};

use super::codec::instant;
use super::outbox::{entity_of, request};
use super::{RecordKey, ReplicaError};

/// An operation as the overlay applies it.
#[derive(Debug)]
pub(super) struct LocalEdit {
    pub(super) action: Action,
    pub(super) at: Timestamp,
    /// True if it makes a deleted record live again.
    pub(super) revives: bool,
    /// Day of the first entry of a habit before this edit of its schedule or target.
    pub(super) first_entry: Option<Date>,
}

impl LocalEdit {
    /// Returns an edit of a habit whose entries do not matter, or of an entry.
    pub(super) fn of(request: OperationRequest, at: Timestamp) -> Self {
        Self {
            revives: request.revive,
            action: request.action(),
            at,
            first_entry: None,
        }
    }
}

/// Returns the edits to apply to the record, with their positions, in order.
///
/// Acknowledged operations are included: the mirror does not have them yet.
pub(super) fn of_record(
    connection: &Connection,
    key: RecordKey,
) -> Result<Vec<(i64, LocalEdit)>, ReplicaError> {
    let mut statement = connection.prepare_cached(
        "SELECT position, body, created_at FROM outbox WHERE entity = ?1 AND record_id = ?2
         ORDER BY position",
    )?;
    let mut rows = statement.query(params![key.entity.as_str(), key.id])?;
    let mut edits = Vec::new();
    while let Some(row) = rows.next()? {
        // A damaged operation changes nothing here. The next sync sets it aside.
        let body: Result<String, _> = row.get(1);
        let at: i64 = row.get(2)?;
        if let Ok(body) = body
            && let (Ok(request), Ok(at)) = (request(&body), instant(at))
            && request.id == key.id
            && entity_of(&request) == key.entity
        {
            edits.push((row.get(0)?, LocalEdit::of(request, at)));
        }
    }
    Ok(edits)
}

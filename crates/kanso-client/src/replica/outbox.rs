//! What this device wrote and the server has not delivered back yet.

use kanso_domain::sync::Action;
use kanso_domain::{Seq, Timestamp};
use kanso_protocol::sync::OperationRequest;
use rusqlite::{Connection, Row, params};
use uuid::Uuid;

use super::codec::{entity, instant};
use super::{Key, ReplicaError};

/// An operation to be put into the outbox.
#[derive(Debug)]
pub(crate) struct NewOperation {
    pub(crate) key: Key,
    pub(crate) request: OperationRequest,
    pub(crate) at: Timestamp,
}

/// An operation that waits to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) position: i64,
    pub(super) op_id: Uuid,
    pub(super) key: Key,
    pub(super) body: String,
    pub(super) created_at: Timestamp,
    /// Nobody wrote it: the record is offered back to a server that lost it.
    pub(super) is_offer: bool,
}

const COLUMNS: &str = "position, op_id, entity, record_id, body, created_at, is_offer";

impl Waiting {
    /// A row of [`COLUMNS`].
    fn read(row: &Row<'_>) -> Result<Self, ReplicaError> {
        Ok(Self {
            position: row.get(0)?,
            op_id: row.get(1)?,
            key: Key {
                entity: entity(&row.get::<_, String>(2)?)?,
                id: row.get(3)?,
            },
            body: row.get(4)?,
            created_at: instant(row.get(5)?)?,
            is_offer: row.get(6)?,
        })
    }
}

/// Before the first operation.
pub(crate) const BEGINNING: i64 = i64::MIN;

pub(super) fn append(
    connection: &Connection,
    operation: &NewOperation,
) -> Result<(), ReplicaError> {
    let body = serde_json::to_string(&operation.request).map_err(ReplicaError::damaged)?;
    connection
        .prepare_cached(
            "INSERT INTO outbox (op_id, entity, record_id, body, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            operation.request.op_id,
            operation.key.entity.as_str(),
            operation.key.id,
            body,
            operation.at.as_micros()
        ])?;
    Ok(())
}

/// What is to be applied to the record, in the order of writing.
pub(super) fn edits(
    connection: &Connection,
    key: Key,
) -> Result<Vec<(Action, Timestamp)>, ReplicaError> {
    let mut statement = connection.prepare_cached(
        "SELECT body, created_at FROM outbox WHERE entity = ?1 AND record_id = ?2
         ORDER BY position",
    )?;
    let mut rows = statement.query(params![key.entity.as_str(), key.id])?;
    let mut edits = Vec::new();
    while let Some(row) = rows.next()? {
        let body: String = row.get(0)?;
        edits.push((request(&body)?.action(), instant(row.get(1)?)?));
    }
    Ok(edits)
}

pub(super) fn request(body: &str) -> Result<OperationRequest, ReplicaError> {
    serde_json::from_str(body).map_err(ReplicaError::damaged)
}

/// The first operations after `position` that the server has not answered, at most `limit` of
/// them and of about `bytes`; at least one, if there is any.
pub(super) fn next(
    connection: &Connection,
    after: i64,
    limit: usize,
    bytes: usize,
) -> Result<Vec<Waiting>, ReplicaError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM outbox
         WHERE position > ?1 AND acknowledged_seq IS NULL ORDER BY position LIMIT ?2"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let more = i64::try_from(limit).map_or(i64::MAX, |limit| limit.saturating_add(1));
    let mut rows = statement.query(params![after, more])?;
    let mut batch: Vec<Waiting> = Vec::new();
    let mut size = 0;
    while let Some(row) = rows.next()? {
        let waiting = Waiting::read(row)?;
        size += waiting.body.len() + 1;
        if batch.len() >= limit || (size > bytes && !batch.is_empty()) {
            keep_group_whole(&mut batch, &waiting)?;
            break;
        }
        batch.push(waiting);
    }
    Ok(batch)
}

/// The operations of a group go out together: one that `next` would tear apart waits with it.
fn keep_group_whole(batch: &mut Vec<Waiting>, next: &Waiting) -> Result<(), ReplicaError> {
    let Some(torn) = request(&next.body)?.group else {
        return Ok(());
    };
    let mut kept = batch.len();
    for waiting in batch.iter().rev() {
        if request(&waiting.body)?.group.as_ref() != Some(&torn) {
            break;
        }
        kept -= 1;
    }
    // One that is larger than a request is the server's to refuse.
    if kept > 0 {
        batch.truncate(kept);
    }
    Ok(())
}

/// What a person wrote about the record and the server has not taken, in the order of writing.
pub(super) fn written(connection: &Connection, key: Key) -> Result<Vec<Waiting>, ReplicaError> {
    select(
        connection,
        "entity = ?1 AND record_id = ?2 AND acknowledged_seq IS NULL AND NOT is_offer",
        params![key.entity.as_str(), key.id],
    )
}

/// The operations for which `condition` holds, in the order of writing.
pub(super) fn select(
    connection: &Connection,
    condition: &str,
    parameters: &[&dyn rusqlite::ToSql],
) -> Result<Vec<Waiting>, ReplicaError> {
    let sql = format!("SELECT {COLUMNS} FROM outbox WHERE {condition} ORDER BY position");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(parameters)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(Waiting::read(row)?);
    }
    Ok(found)
}

/// Puts offers before everything else, in their order: what a person wrote builds on them.
pub(super) fn prepend(
    connection: &Connection,
    offers: &[NewOperation],
) -> Result<(), ReplicaError> {
    let sql = "SELECT min(0, coalesce(min(position), 0)) FROM outbox";
    let first: i64 = connection
        .prepare_cached(sql)?
        .query_row([], |row| row.get(0))?;
    let mut statement = connection.prepare_cached(
        "INSERT INTO outbox (position, op_id, entity, record_id, body, created_at, is_offer)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1)",
    )?;
    // The last offer stands right before everything else.
    let positions = (i64::MIN..first).rev().take(offers.len());
    for (position, offer) in positions.zip(offers.iter().rev()) {
        statement.execute(params![
            position,
            offer.request.op_id,
            offer.key.entity.as_str(),
            offer.key.id,
            serde_json::to_string(&offer.request).map_err(ReplicaError::damaged)?,
            offer.at.as_micros()
        ])?;
    }
    Ok(())
}

/// Done on the server. It goes on showing until its record has been delivered.
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

/// The server put it off, so it was not carried out.
pub(super) fn defer(connection: &Connection, op_id: Uuid) -> Result<(), ReplicaError> {
    connection
        .prepare_cached(
            "UPDATE outbox SET first_sent_at = NULL WHERE op_id = ?1 AND first_sent_at IS NOT NULL",
        )?
        .execute([op_id])?;
    Ok(())
}

pub(super) fn remove(connection: &Connection, op_id: Uuid) -> Result<bool, ReplicaError> {
    let removed = connection
        .prepare_cached("DELETE FROM outbox WHERE op_id = ?1")?
        .execute([op_id])?;
    Ok(removed > 0)
}

/// Drops what is in what has been delivered: all of the history up to `head`.
pub(super) fn settle_all(connection: &Connection, head: Seq) -> Result<Vec<Key>, ReplicaError> {
    let mut statement = connection.prepare_cached(
        "DELETE FROM outbox WHERE acknowledged_seq <= ?1 RETURNING entity, record_id",
    )?;
    read_keys(&mut statement.query([head.get()])?)
}

/// Drops what is in the records that have been delivered, while others still are to come: a record
/// that was edited again comes with its newest edit.
pub(super) fn settle_delivered(connection: &Connection) -> Result<Vec<Key>, ReplicaError> {
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

/// What was acknowledged and is not in the history, all of which was read up to `head`, was lost
/// with the server's newest changes: it is sent again. Once only, because what another device
/// deleted before a first pull is not delivered either. Of what was deleted from here that is known,
/// so it is not sent again at all. Answers with whether there was any.
pub(super) fn forget_lost(connection: &Connection, head: Seq) -> Result<bool, ReplicaError> {
    let forgotten = connection
        .prepare_cached(include_str!("outbox/forget_lost.sql"))?
        .execute([head.get()])?;
    Ok(forgotten > 0)
}

/// The server lost its history, so what it had acknowledged and not delivered is sent again. An
/// operation that it still knows is answered as before.
pub(super) fn forget_acknowledgements(connection: &Connection) -> Result<(), ReplicaError> {
    connection
        .prepare_cached("UPDATE outbox SET acknowledged_seq = NULL")?
        .execute([])?;
    Ok(())
}

/// Gives an operation another id and base, in its old place: the server takes it for a new one.
pub(super) fn reissue(
    connection: &Connection,
    waiting: &Waiting,
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

/// Whether something older about the same record is still waiting.
pub(super) fn waits_behind_another(
    connection: &Connection,
    waiting: &Waiting,
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

pub(super) fn count(connection: &Connection) -> Result<u64, ReplicaError> {
    let sql = "SELECT count(*) FROM outbox WHERE acknowledged_seq IS NULL";
    let count: i64 = connection
        .prepare_cached(sql)?
        .query_row([], |row| row.get(0))?;
    Ok(count.cast_unsigned())
}

pub(super) fn keys(connection: &Connection) -> Result<Vec<Key>, ReplicaError> {
    let mut statement =
        connection.prepare_cached("SELECT DISTINCT entity, record_id FROM outbox")?;
    read_keys(&mut statement.query([])?)
}

pub(super) fn read_keys(rows: &mut rusqlite::Rows<'_>) -> Result<Vec<Key>, ReplicaError> {
    let mut keys = Vec::new();
    while let Some(row) = rows.next()? {
        keys.push(read_key(row)?);
    }
    Ok(keys)
}

/// A row `(entity, id)`.
pub(super) fn read_key(row: &Row<'_>) -> Result<Key, ReplicaError> {
    Ok(Key {
        entity: entity(&row.get::<_, String>(0)?)?,
        id: row.get(1)?,
    })
}

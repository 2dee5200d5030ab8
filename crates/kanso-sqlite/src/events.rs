//! Rows of security events.

use kanso_domain::events::{EventKind, SecurityEvent};
use kanso_domain::{SessionId, Timestamp, UserId};
use rusqlite::{Connection, Row, params};
use uuid::Uuid;

use crate::columns::{Bound, Columns};
use crate::error::DatabaseError;
use crate::statements::prepare;

/// Stores events of accounts that exist, and removes the oldest beyond `most` of each class.
pub(crate) fn record(
    connection: &Connection,
    events: &[SecurityEvent],
    most: u32,
) -> Result<(), DatabaseError> {
    for event in events {
        let is_attempt = event.kind.is_attempt();
        prepare(
            connection,
            "INSERT INTO events (user_id, id, at, kind, is_attempt, session_id, client)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7
             WHERE EXISTS (SELECT 1 FROM users WHERE user_id = ?1 AND is_deleted = 0)
             ON CONFLICT (user_id, id) DO NOTHING",
        )?
        .execute(params![
            Bound(&event.user_id),
            Bound(&event.id),
            Bound(&event.at),
            Bound(&event.kind),
            Bound(&is_attempt),
            Bound(&event.session_id),
            Bound(&event.client.map(|client| client.to_string()))
        ])?;
        prepare(
            connection,
            "DELETE FROM events WHERE user_id = ?1 AND id IN (
                 SELECT id FROM events WHERE user_id = ?1 AND is_attempt = ?2
                 ORDER BY at DESC, id DESC LIMIT -1 OFFSET ?3)",
        )?
        .execute(params![Bound(&event.user_id), Bound(&is_attempt), most])?;
    }
    Ok(())
}

/// Returns events of a user after the event `before`, newest first.
pub(crate) fn list(
    connection: &Connection,
    user: UserId,
    before: Option<Uuid>,
    limit: u32,
) -> Result<Vec<SecurityEvent>, DatabaseError> {
    let mut statement = match before {
        None => prepare(
            connection,
            "SELECT id, at, kind, session_id, client FROM events WHERE user_id = ?1 AND ?2 IS NULL
             ORDER BY at DESC, id DESC LIMIT ?3",
        )?,
        Some(_) => prepare(
            connection,
            "SELECT id, at, kind, session_id, client FROM events
             WHERE user_id = ?1
               AND (at, id) < (SELECT at, id FROM events WHERE user_id = ?1 AND id = ?2)
             ORDER BY at DESC, id DESC LIMIT ?3",
        )?,
    };
    let read = |row: &Row<'_>| {
        let mut columns = Columns::of(row);
        let (id, at): (Uuid, Timestamp) = (columns.take()?, columns.take()?);
        let (kind, session_id): (EventKind, Option<SessionId>) = (columns.take()?, columns.take()?);
        let client: Option<String> = columns.take()?;
        Ok(SecurityEvent {
            id,
            user_id: user,
            at,
            kind,
            session_id,
            client: client.and_then(|client| client.parse().ok()),
        })
    };
    let rows = statement.query_map(params![Bound(&user), Bound(&before), limit], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Deletes at most `limit` events from before `before`; returns their number.
pub(crate) fn purge(
    connection: &Connection,
    before: Timestamp,
    limit: u32,
) -> Result<u32, DatabaseError> {
    let purged = prepare(
        connection,
        "DELETE FROM events WHERE (user_id, id) IN (
             SELECT user_id, id FROM events WHERE at < ?1 ORDER BY at LIMIT ?2)",
    )?
    .execute(params![Bound(&before), limit])?;
    Ok(u32::try_from(purged).unwrap_or(u32::MAX))
}

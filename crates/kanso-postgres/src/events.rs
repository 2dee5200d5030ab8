//! Rows of security events.

use kanso_domain::events::{EventKind, SecurityEvent};
use kanso_domain::{SessionId, Timestamp, UserId};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::columns::{Columns, bind};
use crate::connection::Connection;
use crate::error::DatabaseError;

/// Inserts an event of an account that exists.
//
// The subquery locks the user's row first, in the order of `erasure::erase`. Two servers that store events
// of one account take turns, so they cannot deadlock over the rows that both delete.
const INSERT: &str = "INSERT INTO events (user_id, id, at, kind, is_attempt, session_id, client)
     SELECT $1, $2, $3, $4, $5, $6, $7 FROM (
         SELECT user_id FROM users WHERE user_id = $1 AND NOT is_deleted FOR NO KEY UPDATE) AS owner
     ON CONFLICT (user_id, id) DO NOTHING";

/// Deletes the oldest events of one class beyond $3.
const MAKE_ROOM: &str = "DELETE FROM events WHERE user_id = $1 AND id IN (
         SELECT id FROM events WHERE user_id = $1 AND is_attempt = $2
         ORDER BY at DESC, id DESC OFFSET $3)";

/// Stores events of accounts that exist, and removes the oldest beyond `most` of each class.
pub(crate) async fn record(
    connection: &Connection,
    events: &[SecurityEvent],
    most: u32,
) -> Result<(), DatabaseError> {
    let mut pipeline = connection.pipeline();
    for event in events {
        let is_attempt = event.kind.is_attempt();
        let values = bind![
            event.user_id,
            event.id,
            event.at,
            event.kind,
            is_attempt,
            event.session_id,
            event.client.map(|client| client.to_string()),
        ];
        pipeline.add(INSERT, values);
        pipeline.add(MAKE_ROOM, bind![event.user_id, is_attempt, most]);
    }
    pipeline.send().await.map(drop)
}

/// Returns events of a user after the event `before`, newest first.
pub(crate) async fn list(
    connection: &Connection,
    user: UserId,
    before: Option<Uuid>,
    limit: u32,
) -> Result<Vec<SecurityEvent>, DatabaseError> {
    let read = |row: &Row| {
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
    let Some(before) = before else {
        let sql = "SELECT id, at, kind, session_id, client FROM events WHERE user_id = $1
                   ORDER BY at DESC, id DESC LIMIT $2";
        return connection.all(sql, bind![user, limit], read).await;
    };
    let sql = "SELECT id, at, kind, session_id, client FROM events
               WHERE user_id = $1
                 AND (at, id) < (SELECT at, id FROM events WHERE user_id = $1 AND id = $2)
               ORDER BY at DESC, id DESC LIMIT $3";
    let values = bind![user, before, limit];
    connection.all(sql, values, read).await
}

/// Deletes at most `limit` events from before `before`; returns their number.
pub(crate) async fn purge(
    connection: &Connection,
    before: Timestamp,
    limit: u32,
) -> Result<u32, DatabaseError> {
    let sql = "WITH old AS (
                   SELECT user_id, id FROM events WHERE at < $1
                   ORDER BY at, user_id, id LIMIT $2 FOR UPDATE SKIP LOCKED)
               DELETE FROM events USING old
               WHERE events.user_id = old.user_id AND events.id = old.id";
    let purged = connection.execute(sql, bind![before, limit]).await?;
    Ok(u32::try_from(purged).unwrap_or(u32::MAX))
}

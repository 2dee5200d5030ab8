//! Rows of sessions.

use kanso_domain::accounts::PasswordHash;
use kanso_domain::sessions::{Session, SessionOrigin, TokenHash};
use kanso_domain::{DeviceId, SessionId, Timestamp, UserId};
use tokio_postgres::Row;

use crate::columns::{Columns, bind, only};
use crate::connection::Connection;
use crate::error::{DatabaseError, InvalidColumn};

/// Locks a session and returns it.
//
// The user's row is not locked. That cannot deadlock although it breaks the lock order, because the
// holder of this lock takes no other one.
pub(crate) async fn lock(
    connection: &Connection,
    user: UserId,
    id: SessionId,
) -> Result<Option<Session>, DatabaseError> {
    let sql = "SELECT user_id, id, current_hash, previous_hash, previous_used_at, nonce_hash,
                   created_at, expires_at, client, device_name, device_id
               FROM sessions WHERE user_id = $1 AND id = $2 FOR UPDATE";
    connection.first(sql, bind![user, id], read).await
}

/// Returns the sessions of a user, oldest first.
pub(crate) async fn list(
    connection: &Connection,
    user: UserId,
) -> Result<Vec<Session>, DatabaseError> {
    let sql = "SELECT user_id, id, current_hash, previous_hash, previous_used_at, nonce_hash,
                   created_at, expires_at, client, device_name, device_id
               FROM sessions WHERE user_id = $1 ORDER BY created_at, id";
    connection.all(sql, bind![user], read).await
}

fn read(row: &Row) -> Result<Session, DatabaseError> {
    let mut columns = Columns::of(row);
    let (user_id, id) = (columns.take()?, columns.take()?);
    let current = columns.take()?;
    let previous: (Option<TokenHash>, Option<Timestamp>) = (columns.take()?, columns.take()?);
    let previous = match previous {
        (Some(hash), Some(used_at)) => Some((hash, used_at)),
        (None, None) => None,
        _ => return Err(InvalidColumn::new("an incomplete previous token".to_owned()).into()),
    };
    Ok(Session {
        id,
        user_id,
        current,
        previous,
        nonce: columns.take()?,
        created_at: columns.take()?,
        expires_at: columns.take()?,
        origin: SessionOrigin {
            client: columns.take()?,
            device_name: columns.take()?,
            device: columns.take()?,
        },
    })
}

/// Returns true if a session exists and has not expired at `now`.
pub(crate) async fn is_open(
    connection: &Connection,
    user: UserId,
    id: SessionId,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let sql = "SELECT 1 FROM sessions WHERE user_id = $1 AND id = $2 AND expires_at > $3";
    connection.exists(sql, bind![user, id, now]).await
}

pub(crate) async fn insert(
    connection: &Connection,
    session: &Session,
) -> Result<(), DatabaseError> {
    let (previous_hash, previous_used_at) = session.previous.unzip();
    let sql = "INSERT INTO sessions (user_id, id, current_hash, previous_hash, previous_used_at,
                   nonce_hash, created_at, expires_at, client, device_name, device_id)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    let values = bind![
        session.user_id,
        session.id,
        session.current,
        previous_hash,
        previous_used_at,
        session.nonce,
        session.created_at,
        session.expires_at,
        session.origin.client,
        session.origin.device_name,
        session.origin.device,
    ];
    connection.execute(sql, values).await.map(drop)
}

pub(crate) async fn update(
    connection: &Connection,
    session: &Session,
) -> Result<(), DatabaseError> {
    let (previous_hash, previous_used_at) = session.previous.unzip();
    let sql = "UPDATE sessions SET current_hash = $3, previous_hash = $4, previous_used_at = $5,
                   expires_at = $6, nonce_hash = $7, replaced_hash = NULL
               WHERE user_id = $1 AND id = $2";
    let values = bind![
        session.user_id,
        session.id,
        session.current,
        previous_hash,
        previous_used_at,
        session.expires_at,
        session.nonce,
    ];
    connection.execute(sql, values).await.map(drop)
}

/// Keeps the hash that a session replaced.
pub(crate) async fn set_replaced_hash(
    connection: &Connection,
    user: UserId,
    id: SessionId,
    replaced: &PasswordHash,
) -> Result<(), DatabaseError> {
    let sql = "UPDATE sessions SET replaced_hash = $3 WHERE user_id = $1 AND id = $2";
    let values = bind![user, id, *replaced];
    connection.execute(sql, values).await.map(drop)
}

pub(crate) async fn replaced_hash(
    connection: &Connection,
    user: UserId,
    id: SessionId,
) -> Result<Option<PasswordHash>, DatabaseError> {
    let sql = "SELECT replaced_hash FROM sessions WHERE user_id = $1 AND id = $2";
    let found = connection.first(sql, bind![user, id], only::<Option<PasswordHash>>);
    Ok(found.await?.flatten())
}

pub(crate) async fn delete(
    connection: &Connection,
    user: UserId,
    id: SessionId,
) -> Result<bool, DatabaseError> {
    let sql = "DELETE FROM sessions WHERE user_id = $1 AND id = $2";
    let deleted = connection.execute(sql, bind![user, id]).await?;
    Ok(deleted > 0)
}

/// Notes that a device syncs in a session.
pub(crate) async fn set_device(
    connection: &Connection,
    user: UserId,
    id: SessionId,
    device: DeviceId,
) -> Result<(), DatabaseError> {
    let sql = "UPDATE sessions SET device_id = $3 WHERE user_id = $1 AND id = $2";
    let values = bind![user, id, device];
    connection.execute(sql, values).await.map(drop)
}

/// Deletes the sessions in which a device synced last, except `kept`.
pub(crate) async fn delete_of_device(
    connection: &Connection,
    user: UserId,
    device: DeviceId,
    kept: Option<SessionId>,
) -> Result<(), DatabaseError> {
    let sql = "DELETE FROM sessions
               WHERE user_id = $1 AND device_id = $2 AND id IS DISTINCT FROM $3";
    let values = bind![user, device, kept];
    connection.execute(sql, values).await.map(drop)
}

/// Deletes the sessions of a user except `kept`.
pub(crate) async fn delete_all(
    connection: &Connection,
    user: UserId,
    kept: Option<SessionId>,
) -> Result<(), DatabaseError> {
    let sql = "DELETE FROM sessions WHERE user_id = $1 AND id IS DISTINCT FROM $2";
    connection.execute(sql, bind![user, kept]).await.map(drop)
}

/// Deletes the sessions that were not used for longest, so that one more has room among `most`.
pub(crate) async fn make_room(
    connection: &Connection,
    user: UserId,
    most: u32,
) -> Result<(), DatabaseError> {
    let sql = "DELETE FROM sessions WHERE user_id = $1 AND id IN (
                   SELECT id FROM sessions WHERE user_id = $1
                   ORDER BY coalesce(previous_used_at, created_at) DESC, created_at DESC, id DESC
                   OFFSET $2)";
    let kept = i64::from(most.saturating_sub(1));
    connection.execute(sql, bind![user, kept]).await.map(drop)
}

/// Deletes the sessions of a user that have expired at `now`.
pub(crate) async fn delete_expired(
    connection: &Connection,
    user: UserId,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    let sql = "DELETE FROM sessions WHERE user_id = $1 AND expires_at <= $2";
    connection.execute(sql, bind![user, now]).await.map(drop)
}

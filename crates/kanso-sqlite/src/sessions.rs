//! Rows of sessions.

use kanso_domain::accounts::PasswordHash;
use kanso_domain::sessions::{Session, SessionOrigin, TokenHash};
use kanso_domain::{DeviceId, SessionId, Timestamp, UserId};
use rusqlite::types::FromSqlError;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::columns::{Bound, Columns, only};
use crate::error::DatabaseError;
use crate::statements::prepare;

/// Returns a session. There is no lock as in kanso-postgres: within a write no other write runs.
pub(crate) fn find(
    connection: &Connection,
    user: UserId,
    id: SessionId,
) -> Result<Option<Session>, DatabaseError> {
    let mut statement = prepare(
        connection,
        "SELECT user_id, id, current_hash, previous_hash, previous_used_at, nonce_hash, created_at,
             expires_at, client, device_name, device_id
         FROM sessions WHERE user_id = ?1 AND id = ?2",
    )?;
    let found = statement.query_row(params![Bound(&user), Bound(&id)], read);
    Ok(found.optional()?)
}

/// Returns the sessions of a user, oldest first.
pub(crate) fn list(connection: &Connection, user: UserId) -> Result<Vec<Session>, DatabaseError> {
    let mut statement = prepare(
        connection,
        "SELECT user_id, id, current_hash, previous_hash, previous_used_at, nonce_hash, created_at,
             expires_at, client, device_name, device_id
         FROM sessions WHERE user_id = ?1 ORDER BY created_at, id",
    )?;
    let rows = statement.query_map([Bound(&user)], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Session> {
    let mut columns = Columns::of(row);
    let (user_id, id) = (columns.take()?, columns.take()?);
    let current = columns.take()?;
    let previous: (Option<TokenHash>, Option<Timestamp>) = (columns.take()?, columns.take()?);
    let previous = match previous {
        (Some(hash), Some(used_at)) => Some((hash, used_at)),
        (None, None) => None,
        _ => return Err(FromSqlError::InvalidType.into()),
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
pub(crate) fn is_open(
    connection: &Connection,
    user: UserId,
    id: SessionId,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let mut statement = prepare(
        connection,
        "SELECT 1 FROM sessions WHERE user_id = ?1 AND id = ?2 AND expires_at > ?3",
    )?;
    Ok(statement.exists(params![Bound(&user), Bound(&id), Bound(&now)])?)
}

pub(crate) fn insert(connection: &Connection, session: &Session) -> Result<(), DatabaseError> {
    let (previous_hash, previous_used_at) = session.previous.unzip();
    prepare(
        connection,
        "INSERT INTO sessions (user_id, id, current_hash, previous_hash, previous_used_at, nonce_hash,
             created_at, expires_at, client, device_name, device_id)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?
    .execute(params![
        Bound(&session.user_id),
        Bound(&session.id),
        Bound(&session.current),
        Bound(&previous_hash),
        Bound(&previous_used_at),
        Bound(&session.nonce),
        Bound(&session.created_at),
        Bound(&session.expires_at),
        Bound(&session.origin.client),
        Bound(&session.origin.device_name),
        Bound(&session.origin.device)
    ])?;
    Ok(())
}

pub(crate) fn update(connection: &Connection, session: &Session) -> Result<(), DatabaseError> {
    let (previous_hash, previous_used_at) = session.previous.unzip();
    prepare(
        connection,
        "UPDATE sessions SET current_hash = ?3, previous_hash = ?4, previous_used_at = ?5,
             expires_at = ?6, nonce_hash = ?7, replaced_hash = NULL
         WHERE user_id = ?1 AND id = ?2",
    )?
    .execute(params![
        Bound(&session.user_id),
        Bound(&session.id),
        Bound(&session.current),
        Bound(&previous_hash),
        Bound(&previous_used_at),
        Bound(&session.expires_at),
        Bound(&session.nonce)
    ])?;
    Ok(())
}

pub(crate) fn delete(
    connection: &Connection,
    user: UserId,
    id: SessionId,
) -> Result<bool, DatabaseError> {
    let deleted = prepare(
        connection,
        "DELETE FROM sessions WHERE user_id = ?1 AND id = ?2",
    )?
    .execute(params![Bound(&user), Bound(&id)])?;
    Ok(deleted > 0)
}

/// Notes that a device syncs in a session.
pub(crate) fn set_device(
    connection: &Connection,
    user: UserId,
    id: SessionId,
    device: DeviceId,
) -> Result<(), DatabaseError> {
    prepare(
        connection,
        "UPDATE sessions SET device_id = ?3 WHERE user_id = ?1 AND id = ?2",
    )?
    .execute(params![Bound(&user), Bound(&id), Bound(&device)])?;
    Ok(())
}

/// Deletes the sessions in which a device synced last, except `kept`.
pub(crate) fn delete_of_device(
    connection: &Connection,
    user: UserId,
    device: DeviceId,
    kept: Option<SessionId>,
) -> Result<(), DatabaseError> {
    prepare(
        connection,
        "DELETE FROM sessions WHERE user_id = ?1 AND device_id = ?2 AND id IS NOT ?3",
    )?
    .execute(params![Bound(&user), Bound(&device), Bound(&kept)])?;
    Ok(())
}

/// Deletes the sessions of a user except `kept`.
pub(crate) fn delete_all(
    connection: &Connection,
    user: UserId,
    kept: Option<SessionId>,
) -> Result<(), DatabaseError> {
    prepare(
        connection,
        "DELETE FROM sessions WHERE user_id = ?1 AND id IS NOT ?2",
    )?
    .execute(params![Bound(&user), Bound(&kept)])?;
    Ok(())
}

/// Keeps the hash that a session replaced.
pub(crate) fn set_replaced_hash(
    connection: &Connection,
    user: UserId,
    id: SessionId,
    replaced: &PasswordHash,
) -> Result<(), DatabaseError> {
    prepare(
        connection,
        "UPDATE sessions SET replaced_hash = ?3 WHERE user_id = ?1 AND id = ?2",
    )?
    .execute(params![Bound(&user), Bound(&id), Bound(replaced)])?;
    Ok(())
}

pub(crate) fn replaced_hash(
    connection: &Connection,
    user: UserId,
    id: SessionId,
) -> Result<Option<PasswordHash>, DatabaseError> {
    let sql = "SELECT replaced_hash FROM sessions WHERE user_id = ?1 AND id = ?2";
    let mut statement = prepare(connection, sql)?;
    let found = statement.query_row(params![Bound(&user), Bound(&id)], only);
    Ok(found.optional()?.flatten())
}

/// Deletes the sessions that were not used for longest, so that one more has room among `most`.
pub(crate) fn make_room(
    connection: &Connection,
    user: UserId,
    most: u32,
) -> Result<(), DatabaseError> {
    prepare(
        connection,
        "DELETE FROM sessions WHERE user_id = ?1 AND id IN (
             SELECT id FROM sessions WHERE user_id = ?1
             ORDER BY coalesce(previous_used_at, created_at) DESC, created_at DESC, id DESC
             LIMIT -1 OFFSET ?2)",
    )?
    .execute(params![Bound(&user), most.saturating_sub(1)])?;
    Ok(())
}

/// Deletes the sessions of a user that have expired at `now`.
pub(crate) fn delete_expired(
    connection: &Connection,
    user: UserId,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    prepare(
        connection,
        "DELETE FROM sessions WHERE user_id = ?1 AND expires_at <= ?2",
    )?
    .execute(params![Bound(&user), Bound(&now)])?;
    Ok(())
}

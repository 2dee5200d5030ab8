//! The port for devices, and their rows.

use async_trait::async_trait;
use kanso_application::ports::devices::{Device, DeviceStore, Sighting};
use kanso_application::ports::storage::StorageError;
use kanso_domain::{DeviceId, SessionId, UserId};
use rusqlite::{Connection, Row, params};

use crate::columns::{Bound, Columns};
use crate::error::DatabaseError;
use crate::statements::prepare;
use crate::writer::WriteCost;
use crate::{SqliteStorage, sessions};

#[async_trait]
impl DeviceStore for SqliteStorage {
    async fn meet_device(&self, sighting: Sighting, most: u32) -> Result<(), StorageError> {
        self.change(move |connection| meet(connection, &sighting, most))
            .await
    }

    async fn note_devices(
        &self,
        sightings: Vec<Sighting>,
    ) -> Result<Vec<(UserId, DeviceId)>, StorageError> {
        let cost = WriteCost::Records(sightings.len());
        let work = move |connection: &Connection| {
            let mut unknown = Vec::new();
            for sighting in &sightings {
                if !note(connection, sighting)? {
                    unknown.push((sighting.user, sighting.device));
                }
            }
            Ok(unknown)
        };
        Ok(self.writer.run(cost, work).await?)
    }

    async fn devices(&self, user: UserId) -> Result<Vec<Device>, StorageError> {
        let read = move |connection: &Connection| list(connection, user);
        Ok(self.readers.run(read).await?)
    }

    async fn forget_device(
        &self,
        user: UserId,
        device: DeviceId,
        kept: Option<SessionId>,
    ) -> Result<bool, StorageError> {
        self.change(move |connection| forget(connection, user, device, kept))
            .await
    }
}

/// Registers a device, or updates the one that exists. An unknown user is ignored: the account may
/// have been deleted since the request was authorized.
fn meet(connection: &Connection, sighting: &Sighting, most: u32) -> Result<(), DatabaseError> {
    prepare(
        connection,
        "INSERT INTO devices (user_id, id, first_seen_at, last_seen_at, position)
         SELECT ?1, ?2, ?3, ?3, ?4 WHERE EXISTS (SELECT 1 FROM users WHERE user_id = ?1 AND is_deleted = 0)
         ON CONFLICT (user_id, id) DO UPDATE
         SET last_seen_at = max(last_seen_at, excluded.last_seen_at),
             position = excluded.position",
    )?
    .execute(params![
        Bound(&sighting.user),
        Bound(&sighting.device),
        Bound(&sighting.at),
        Bound(&sighting.position)
    ])?;
    if let Some(session) = sighting.session {
        sessions::set_device(connection, sighting.user, session, sighting.device)?;
    }
    make_room(connection, sighting, most)
}

/// Deletes the devices beyond `most` that were not seen for longest, except the one of the sighting.
fn make_room(connection: &Connection, sighting: &Sighting, most: u32) -> Result<(), DatabaseError> {
    prepare(
        connection,
        "DELETE FROM devices WHERE user_id = ?1 AND id IN (
             SELECT id FROM devices WHERE user_id = ?1 AND id <> ?2
             ORDER BY last_seen_at DESC, id LIMIT -1 OFFSET ?3)",
    )?
    .execute(params![
        Bound(&sighting.user),
        Bound(&sighting.device),
        most.saturating_sub(1)
    ])?;
    Ok(())
}

/// Updates a device; returns false if it does not exist.
fn note(connection: &Connection, sighting: &Sighting) -> Result<bool, DatabaseError> {
    let noted = prepare(
        connection,
        "UPDATE devices SET last_seen_at = max(last_seen_at, ?3), position = ?4
         WHERE user_id = ?1 AND id = ?2",
    )?
    .execute(params![
        Bound(&sighting.user),
        Bound(&sighting.device),
        Bound(&sighting.at),
        Bound(&sighting.position)
    ])?;
    Ok(noted > 0)
}

fn list(connection: &Connection, user: UserId) -> Result<Vec<Device>, DatabaseError> {
    let mut statement = prepare(
        connection,
        "SELECT id, first_seen_at, last_seen_at, position FROM devices WHERE user_id = ?1
         ORDER BY last_seen_at DESC, id",
    )?;
    let read = |row: &Row<'_>| {
        let mut columns = Columns::of(row);
        Ok(Device {
            id: columns.take()?,
            first_seen_at: columns.take()?,
            last_seen_at: columns.take()?,
            position: columns.take()?,
        })
    };
    let rows = statement.query_map([Bound(&user)], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn forget(
    connection: &Connection,
    user: UserId,
    device: DeviceId,
    kept: Option<SessionId>,
) -> Result<bool, DatabaseError> {
    let forgotten = prepare(
        connection,
        "DELETE FROM devices WHERE user_id = ?1 AND id = ?2",
    )?
    .execute(params![Bound(&user), Bound(&device)])?;
    if forgotten > 0 {
        sessions::delete_of_device(connection, user, device, kept)?;
    }
    Ok(forgotten > 0)
}

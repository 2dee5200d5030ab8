//! The port over devices, and their rows.

use async_trait::async_trait;
use kanso_application::ports::devices::{Device, DeviceStore, Sighting};
use kanso_application::ports::storage::StorageError;
use kanso_domain::{DeviceId, UserId};
use rusqlite::{Connection, Row, params};

use crate::SqliteStorage;
use crate::columns::{Bound, Columns};
use crate::error::Failure;
use crate::statements::prepare;
use crate::writer::Effort;

#[async_trait]
impl DeviceStore for SqliteStorage {
    async fn note_devices(&self, sightings: Vec<Sighting>) -> Result<(), StorageError> {
        let effort = Effort::Records(sightings.len());
        let work = move |connection: &Connection| {
            sightings
                .iter()
                .try_for_each(|sighting| note(connection, sighting))
        };
        Ok(self.writer.run(effort, work).await?)
    }

    async fn devices(&self, user: UserId) -> Result<Vec<Device>, StorageError> {
        let read = move |connection: &Connection| list(connection, user);
        Ok(self.readers.run(read).await?)
    }

    async fn forget_device(&self, user: UserId, device: DeviceId) -> Result<bool, StorageError> {
        self.change(move |connection| forget(connection, user, device))
            .await
    }
}

fn note(connection: &Connection, sighting: &Sighting) -> Result<(), Failure> {
    prepare(
        connection,
        "INSERT INTO devices (user_id, id, first_seen_at, last_seen_at, position)
         SELECT ?1, ?2, ?3, ?3, ?4 WHERE EXISTS (SELECT 1 FROM users WHERE user_id = ?1)
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
    Ok(())
}

fn list(connection: &Connection, user: UserId) -> Result<Vec<Device>, Failure> {
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

fn forget(connection: &Connection, user: UserId, device: DeviceId) -> Result<bool, Failure> {
    let forgotten = prepare(
        connection,
        "DELETE FROM devices WHERE user_id = ?1 AND id = ?2",
    )?
    .execute(params![Bound(&user), Bound(&device)])?;
    Ok(forgotten > 0)
}

//! The port for devices, and their rows.

use async_trait::async_trait;
use futures::FutureExt as _;
use kanso_application::ports::devices::{Device, DeviceStore, Sighting};
use kanso_application::ports::storage::StorageError;
use kanso_domain::{DeviceId, SessionId, UserId};
use tokio_postgres::Row;

use crate::columns::{Columns, bind};
use crate::connection::Connection;
use crate::error::DatabaseError;
use crate::{PostgresStorage, sessions};

#[async_trait]
impl DeviceStore for PostgresStorage {
    async fn meet_device(&self, sighting: Sighting, most: u32) -> Result<(), StorageError> {
        self.change((sighting, most), |connection, (sighting, most)| {
            meet(connection, sighting, *most).boxed()
        })
        .await
    }

    async fn note_devices(
        &self,
        sightings: Vec<Sighting>,
    ) -> Result<Vec<(UserId, DeviceId)>, StorageError> {
        let mut sightings = sightings;
        // Two nodes may note the same devices at once. Sorted, both take the locks in one order and
        // cannot deadlock. The sort is stable: two sightings of one device keep their order.
        sightings.sort_by_key(|sighting| (sighting.user, sighting.device));
        self.change(sightings, |connection, sightings| {
            note(connection, sightings).boxed()
        })
        .await
    }

    async fn devices(&self, user: UserId) -> Result<Vec<Device>, StorageError> {
        self.look_up(user, |connection, user| list(connection, *user).boxed())
            .await
    }

    async fn forget_device(
        &self,
        user: UserId,
        device: DeviceId,
        kept: Option<SessionId>,
    ) -> Result<bool, StorageError> {
        self.change((user, device, kept), |connection, (user, device, kept)| {
            forget(connection, *user, *device, *kept).boxed()
        })
        .await
    }
}

/// Inserts or updates a device.
//
// The subquery locks the user's row before the row of the device, in the order of `erasure::erase`.
// Without it the foreign key would lock the user second, and the two could deadlock. FOR UPDATE, so that
// a `NOTE` of another server waits: it may hold devices that are forgotten below.
const MEET: &str = "INSERT INTO devices (user_id, id, first_seen_at, last_seen_at, position)
     SELECT $1, $2, $3, $3, $4 FROM (
         SELECT user_id FROM users WHERE user_id = $1 AND NOT is_deleted FOR UPDATE) AS owner
     ON CONFLICT (user_id, id) DO UPDATE
     SET last_seen_at = greatest(devices.last_seen_at, excluded.last_seen_at),
         position = excluded.position";

/// Deletes the devices beyond $3 that were not seen for longest, except $2.
const MAKE_ROOM: &str = "DELETE FROM devices WHERE user_id = $1 AND id IN (
         SELECT id FROM devices WHERE user_id = $1 AND id <> $2
         ORDER BY last_seen_at DESC, id OFFSET $3)";

/// Updates a device if it exists. Takes its locks in the order of [`MEET`].
const NOTE: &str = "UPDATE devices SET last_seen_at = greatest(last_seen_at, $3), position = $4
     FROM (SELECT user_id AS owner_id FROM users WHERE user_id = $1 FOR KEY SHARE) AS owner
     WHERE user_id = $1 AND user_id = owner_id AND id = $2";

/// Registers a device, or updates the one that exists.
async fn meet(
    connection: &Connection,
    sighting: &Sighting,
    most: u32,
) -> Result<(), DatabaseError> {
    let values = bind![
        sighting.user,
        sighting.device,
        sighting.at,
        sighting.position
    ];
    connection.execute(MEET, values).await?;
    if let Some(session) = sighting.session {
        sessions::set_device(connection, sighting.user, session, sighting.device).await?;
    }
    let kept = i64::from(most.saturating_sub(1));
    let values = bind![sighting.user, sighting.device, kept];
    connection.execute(MAKE_ROOM, values).await.map(drop)
}

/// Updates devices and returns those that do not exist.
async fn note(
    connection: &Connection,
    sightings: &[Sighting],
) -> Result<Vec<(UserId, DeviceId)>, DatabaseError> {
    let mut pipeline = connection.pipeline();
    let mut noted = Vec::with_capacity(sightings.len());
    for sighting in sightings {
        let values = bind![
            sighting.user,
            sighting.device,
            sighting.at,
            sighting.position
        ];
        noted.push(pipeline.add(NOTE, values));
    }
    let answers = pipeline.send().await?;
    let mut unknown = Vec::new();
    for (sighting, noted) in sightings.iter().zip(noted) {
        if answers.affected(noted) == 0 {
            unknown.push((sighting.user, sighting.device));
        }
    }
    Ok(unknown)
}

async fn list(connection: &Connection, user: UserId) -> Result<Vec<Device>, DatabaseError> {
    let sql = "SELECT id, first_seen_at, last_seen_at, position FROM devices WHERE user_id = $1
               ORDER BY last_seen_at DESC, id";
    let read = |row: &Row| {
        let mut columns = Columns::of(row);
        Ok(Device {
            id: columns.take()?,
            first_seen_at: columns.take()?,
            last_seen_at: columns.take()?,
            position: columns.take()?,
        })
    };
    connection.all(sql, bind![user], read).await
}

async fn forget(
    connection: &Connection,
    user: UserId,
    device: DeviceId,
    kept: Option<SessionId>,
) -> Result<bool, DatabaseError> {
    let sql = "DELETE FROM devices WHERE user_id = $1 AND id = $2";
    let forgotten = connection.execute(sql, bind![user, device]).await?;
    if forgotten > 0 {
        sessions::delete_of_device(connection, user, device, kept).await?;
    }
    Ok(forgotten > 0)
}

//! The port over devices, and their rows.

use async_trait::async_trait;
use futures::FutureExt as _;
use kanso_application::ports::devices::{Device, DeviceStore, Sighting};
use kanso_application::ports::storage::StorageError;
use kanso_domain::{DeviceId, UserId};
use tokio_postgres::Row;

use crate::PostgresStorage;
use crate::columns::{Columns, bind};
use crate::connection::{Connection, sent};
use crate::error::Failure;

#[async_trait]
impl DeviceStore for PostgresStorage {
    async fn meet_device(&self, sighting: Sighting) -> Result<(), StorageError> {
        self.change(sighting, |connection, sighting| {
            meet(connection, sighting).boxed()
        })
        .await
    }

    async fn note_devices(
        &self,
        sightings: Vec<Sighting>,
    ) -> Result<Vec<(UserId, DeviceId)>, StorageError> {
        let mut sightings = sightings;
        // Locks are taken in one order, and those of one device stay in theirs.
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

    async fn forget_device(&self, user: UserId, device: DeviceId) -> Result<bool, StorageError> {
        self.change((user, device), |connection, (user, device)| {
            forget(connection, *user, *device).boxed()
        })
        .await
    }
}

/// Locks the user before the device: whoever deletes the account does the same.
const MEET: &str = "INSERT INTO devices (user_id, id, first_seen_at, last_seen_at, position)
     SELECT $1, $2, $3, $3, $4 FROM (
         SELECT user_id FROM users WHERE user_id = $1 FOR KEY SHARE) AS owner
     ON CONFLICT (user_id, id) DO UPDATE
     SET last_seen_at = greatest(devices.last_seen_at, excluded.last_seen_at),
         position = excluded.position";

/// Takes its locks in the same order.
const NOTE: &str = "UPDATE devices SET last_seen_at = greatest(last_seen_at, $3), position = $4
     FROM (SELECT user_id AS owner_id FROM users WHERE user_id = $1 FOR KEY SHARE) AS owner
     WHERE user_id = $1 AND user_id = owner_id AND id = $2";

async fn meet(connection: &Connection, sighting: &Sighting) -> Result<(), Failure> {
    let values = bind![
        sighting.user,
        sighting.device,
        sighting.at,
        sighting.position
    ];
    connection.execute(MEET, values).await.map(drop)
}

/// Which devices are not there.
async fn note(
    connection: &Connection,
    sightings: &[Sighting],
) -> Result<Vec<(UserId, DeviceId)>, Failure> {
    connection.prepare(&[NOTE]).await?;
    let mut noted = Vec::with_capacity(sightings.len());
    for sighting in sightings {
        let values = bind![
            sighting.user,
            sighting.device,
            sighting.at,
            sighting.position
        ];
        noted.push(sent(connection.execute(NOTE, values)).await);
    }
    let mut unknown = Vec::new();
    for (sighting, noted) in sightings.iter().zip(noted) {
        if noted.await? == 0 {
            unknown.push((sighting.user, sighting.device));
        }
    }
    Ok(unknown)
}

async fn list(connection: &Connection, user: UserId) -> Result<Vec<Device>, Failure> {
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

async fn forget(connection: &Connection, user: UserId, device: DeviceId) -> Result<bool, Failure> {
    let sql = "DELETE FROM devices WHERE user_id = $1 AND id = $2";
    let forgotten = connection.execute(sql, bind![user, device]).await?;
    Ok(forgotten > 0)
}

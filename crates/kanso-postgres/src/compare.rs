//! Comparison of a replica with the stored records.

use std::collections::BTreeMap;

use kanso_application::ports::storage::Comparison;
use kanso_domain::sync::Buckets;
use kanso_domain::{Entity, Record, UserId, Version};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::columns::{Columns, bind, bound_all};
use crate::connection::Connection;
use crate::error::DatabaseError;
use crate::{entries, habits, users};

/// Compares the live records with a replica; `None` if there is no such account. `connection` is in
/// a snapshot.
pub(crate) async fn read(
    connection: &Connection,
    user: UserId,
    replica: &Buckets,
    limit: u32,
) -> Result<Option<Comparison>, DatabaseError> {
    let Some(head) = users::head(connection, user).await? else {
        return Ok(None);
    };
    let live = live(connection, user).await?;
    let mut ours = Buckets::empty();
    for (entity, id, version) in &live {
        ours.add(*entity, id.as_u128(), *version);
    }
    let differing = ours.differing(replica);
    // The records are loaded only for buckets that differ; the versions of all fit in memory.
    let mut by_bucket: BTreeMap<u8, Vec<(Entity, Uuid)>> = BTreeMap::new();
    for (entity, id, _) in live {
        let bucket = Buckets::place(id.as_u128());
        by_bucket.entry(bucket).or_default().push((entity, id));
    }
    let mut stored = BTreeMap::new();
    let mut left = usize::try_from(limit).unwrap_or(usize::MAX);
    for &bucket in &differing {
        let ids = by_bucket.remove(&bucket).unwrap_or_default();
        // The first bucket is always sent, even if it exceeds the limit: otherwise a client with one
        // large bucket would ask for ever.
        if !stored.is_empty() && ids.len() > left {
            break;
        }
        left = left.saturating_sub(ids.len());
        stored.insert(bucket, records(connection, user, &ids).await?);
    }
    Ok(Some(Comparison {
        head,
        differing,
        stored,
    }))
}

/// Returns kind, id and version of every live record. Entries of a deleted habit are not live,
/// although they have no tombstone of their own.
async fn live(
    connection: &Connection,
    user: UserId,
) -> Result<Vec<(Entity, Uuid, Version)>, DatabaseError> {
    let sql = "SELECT id, version FROM habits WHERE user_id = $1 AND deleted_at IS NULL";
    let read = |row: &Row| read_live(Entity::Habit, row);
    let mut live = connection.all(sql, bind![user], read).await?;
    let sql = "SELECT id, version FROM entries
               WHERE user_id = $1 AND deleted_at IS NULL
                 AND habit_id NOT IN (SELECT id FROM habits
                                      WHERE user_id = $1 AND deleted_at IS NOT NULL)";
    let read = |row: &Row| read_live(Entity::Entry, row);
    live.extend(connection.all(sql, bind![user], read).await?);
    Ok(live)
}

fn read_live(entity: Entity, row: &Row) -> Result<(Entity, Uuid, Version), DatabaseError> {
    let mut columns = Columns::of(row);
    Ok((entity, columns.take()?, columns.take()?))
}

/// Returns the records of a bucket in the order of `ids`.
async fn records(
    connection: &Connection,
    user: UserId,
    ids: &[(Entity, Uuid)],
) -> Result<Vec<Record>, DatabaseError> {
    let of = |kind| {
        let ids = ids.iter().filter(move |(entity, _)| *entity == kind);
        bound_all(ids.map(|(_, id)| id))
    };
    let mut found = BTreeMap::new();
    for habit in habits::some(connection, user, of(Entity::Habit)).await? {
        found.insert((Entity::Habit, habit.id.uuid()), Record::Habit(habit));
    }
    for entry in entries::some(connection, user, of(Entity::Entry)).await? {
        found.insert((Entity::Entry, entry.id.uuid()), Record::Entry(entry));
    }
    Ok(ids.iter().filter_map(|key| found.remove(key)).collect())
}

//! Comparison of a replica with the stored records.

use std::collections::BTreeMap;

use kanso_application::ports::storage::Comparison;
use kanso_domain::sync::{Buckets, Epoch};
use kanso_domain::{Entity, EntryId, HabitId, Record, UserId, Version};
use rusqlite::{Connection, Row};
use uuid::Uuid;

use crate::columns::{Bound, Columns};
use crate::error::DatabaseError;
use crate::statements::prepare;
use crate::{entries, habits, users};

/// Compares the live records with a replica; `None` if there is no such account. `connection` is in
/// a transaction.
pub(crate) fn read(
    connection: &Connection,
    epoch: Epoch,
    user: UserId,
    replica: &Buckets,
    limit: u32,
) -> Result<Option<Comparison>, DatabaseError> {
    let Some(head) = users::head(connection, epoch, user)? else {
        return Ok(None);
    };
    let live = live(connection, user)?;
    let mut ours = Buckets::empty();
    for (entity, id, version) in &live {
        ours.add(*entity, id.as_u128(), *version);
    }
    let differing = ours.differing(replica);
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
        let records = ids
            .into_iter()
            .map(|(entity, id)| find(connection, user, entity, id));
        let records = records
            .filter_map(Result::transpose)
            .collect::<Result<_, _>>()?;
        stored.insert(bucket, records);
    }
    Ok(Some(Comparison {
        head,
        differing,
        stored,
    }))
}

/// Returns kind, id and version of every live record. Entries of a deleted habit are not live,
/// although they have no tombstone of their own.
pub(crate) fn live(
    connection: &Connection,
    user: UserId,
) -> Result<Vec<(Entity, Uuid, Version)>, DatabaseError> {
    let mut live = Vec::new();
    let mut statement = prepare(
        connection,
        "SELECT id, version FROM habits WHERE user_id = ?1 AND deleted_at IS NULL",
    )?;
    let read = |row: &Row<'_>| {
        let mut columns = Columns::of(row);
        let id: HabitId = columns.take()?;
        Ok((Entity::Habit, id.uuid(), columns.take()?))
    };
    for habit in statement.query_map([Bound(&user)], read)? {
        live.push(habit?);
    }
    let mut statement = prepare(
        connection,
        "SELECT id, version FROM entries
         WHERE user_id = ?1 AND deleted_at IS NULL
           AND habit_id NOT IN (SELECT id FROM habits
                                WHERE user_id = ?1 AND deleted_at IS NOT NULL)",
    )?;
    let read = |row: &Row<'_>| {
        let mut columns = Columns::of(row);
        let id: EntryId = columns.take()?;
        Ok((Entity::Entry, id.uuid(), columns.take()?))
    };
    for entry in statement.query_map([Bound(&user)], read)? {
        live.push(entry?);
    }
    Ok(live)
}

fn find(
    connection: &Connection,
    user: UserId,
    entity: Entity,
    id: Uuid,
) -> Result<Option<Record>, DatabaseError> {
    Ok(match entity {
        Entity::Habit => habits::find(connection, user, HabitId::new(id))?.map(Record::Habit),
        Entity::Entry => entries::find(connection, user, EntryId::new(id))?.map(Record::Entry),
    })
}

//! Rows of graves: what is left of tombstones that were purged.

use kanso_domain::{Entity, EntryId, HabitId, UserId};
use rusqlite::{Connection, params};

use crate::columns::{Bound, Column};
use crate::error::Failure;
use crate::statements::prepare;

/// An id of a kind of record.
pub(crate) trait RecordKey: Column {
    const ENTITY: Entity;
}

impl RecordKey for HabitId {
    const ENTITY: Entity = Entity::Habit;
}

impl RecordKey for EntryId {
    const ENTITY: Entity = Entity::Entry;
}

pub(crate) fn is_buried<K: RecordKey>(
    connection: &Connection,
    user: UserId,
    id: &K,
) -> Result<bool, Failure> {
    let mut statement = prepare(
        connection,
        "SELECT 1 FROM graves WHERE user_id = ?1 AND id = ?2 AND entity = ?3",
    )?;
    Ok(statement.exists(params![Bound(&user), Bound(id), K::ENTITY.as_str()])?)
}

pub(crate) fn bury<K: RecordKey>(
    connection: &Connection,
    user: UserId,
    id: &K,
) -> Result<(), Failure> {
    prepare(
        connection,
        "INSERT INTO graves (user_id, id, entity) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
    )?
    .execute(params![Bound(&user), Bound(id), K::ENTITY.as_str()])?;
    Ok(())
}

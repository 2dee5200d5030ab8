//! Rows of purged records, in the table `graves`: the ids of tombstones that were removed.

use kanso_domain::{Entity, EntryId, HabitId, UserId};
use rusqlite::{Connection, params};

use crate::columns::{Bound, Column};
use crate::error::DatabaseError;
use crate::statements::prepare;

/// The id of a habit or an entry.
pub(crate) trait RecordKey: Column {
    const ENTITY: Entity;
}

impl RecordKey for HabitId {
    const ENTITY: Entity = Entity::Habit;
}

impl RecordKey for EntryId {
    const ENTITY: Entity = Entity::Entry;
}

/// Returns true if a record was purged.
pub(crate) fn is_purged<K: RecordKey>(
    connection: &Connection,
    user: UserId,
    id: &K,
) -> Result<bool, DatabaseError> {
    let mut statement = prepare(
        connection,
        "SELECT 1 FROM graves WHERE user_id = ?1 AND id = ?2 AND entity = ?3",
    )?;
    Ok(statement.exists(params![Bound(&user), Bound(id), K::ENTITY.as_str()])?)
}

/// Records an id as purged.
pub(crate) fn insert<K: RecordKey>(
    connection: &Connection,
    user: UserId,
    id: &K,
) -> Result<(), DatabaseError> {
    prepare(
        connection,
        "INSERT INTO graves (user_id, id, entity) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
    )?
    .execute(params![Bound(&user), Bound(id), K::ENTITY.as_str()])?;
    Ok(())
}

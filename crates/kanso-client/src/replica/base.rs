//! The server's records.

use kanso_domain::{Entity, Record};
use rusqlite::{Connection, OptionalExtension, params};

use super::codec::{from_json, habit_of, key_of, seq, to_json};
use super::{Key, ReplicaError};

/// Keeps a delivered record, unless a newer state of it is here. A deleted habit takes its entries
/// with it: the server does not send them again. Answers with the records that changed.
pub(super) fn keep(connection: &Connection, record: &Record) -> Result<Vec<Key>, ReplicaError> {
    let key = key_of(record);
    let mut changed = Vec::new();
    let written = connection
        .prepare_cached(
            "INSERT INTO base (entity, id, habit_id, seq, record) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (entity, id) DO UPDATE
             SET habit_id = excluded.habit_id, seq = excluded.seq, record = excluded.record
             WHERE excluded.seq > base.seq",
        )?
        .execute(params![
            key.entity.as_str(),
            key.id,
            habit_of(record),
            record.stamp().seq.get(),
            to_json(record)?,
        ])?;
    if written > 0 {
        changed.push(key);
    }
    if key.entity == Entity::Habit && record.stamp().is_deleted() {
        let mut gone = connection.prepare_cached(
            "DELETE FROM base WHERE habit_id = ?1 AND entity = 'entry' RETURNING id",
        )?;
        for id in gone.query_map([key.id], |row| row.get(0))? {
            changed.push(Key {
                entity: Entity::Entry,
                id: id?,
            });
        }
    }
    Ok(changed)
}

/// Puts a delivered record aside until everything has been delivered anew.
pub(super) fn stage(connection: &Connection, record: &Record) -> Result<(), ReplicaError> {
    let key = key_of(record);
    connection
        .prepare_cached(
            "INSERT INTO staged (entity, id, habit_id, seq, record) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (entity, id) DO UPDATE
             SET habit_id = excluded.habit_id, seq = excluded.seq, record = excluded.record",
        )?
        .execute(params![
            key.entity.as_str(),
            key.id,
            habit_of(record),
            record.stamp().seq.get(),
            to_json(record)?,
        ])?;
    Ok(())
}

/// What was put aside takes the place of everything.
pub(super) fn swap(connection: &Connection) -> Result<(), ReplicaError> {
    connection.execute_batch(
        "DELETE FROM base;
         INSERT INTO base (entity, id, habit_id, seq, record)
         SELECT entity, id, habit_id, seq, record FROM staged AS live
         WHERE entity = 'habit' OR NOT EXISTS (
             SELECT 1 FROM staged AS habit
             WHERE habit.entity = 'habit' AND habit.id = live.habit_id
               AND habit.record ->> 'deleted_at' IS NOT NULL);
         DELETE FROM staged;",
    )?;
    Ok(())
}

pub(super) fn clear_staged(connection: &Connection) -> Result<(), ReplicaError> {
    connection.execute("DELETE FROM staged", [])?;
    Ok(())
}

pub(super) fn load(connection: &Connection, key: Key) -> Result<Option<Record>, ReplicaError> {
    let row: Option<(i64, String)> = connection
        .prepare_cached("SELECT seq, record FROM base WHERE entity = ?1 AND id = ?2")?
        .query_row(params![key.entity.as_str(), key.id], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    row.map(|(position, json)| from_json(key.entity, seq(position)?, &json))
        .transpose()
}

/// Every record, in the order of their ids: for comparing replicas.
pub(super) fn all(connection: &Connection) -> Result<Vec<Record>, ReplicaError> {
    let mut statement =
        connection.prepare("SELECT entity, seq, record FROM base ORDER BY entity, id")?;
    let mut rows = statement.query([])?;
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        let entity = super::codec::entity(&row.get::<_, String>(0)?)?;
        let json: String = row.get(2)?;
        records.push(from_json(entity, seq(row.get(1)?)?, &json)?);
    }
    Ok(records)
}

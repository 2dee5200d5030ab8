//! The server's records.

use kanso_domain::sync::{Buckets, Digest};
use kanso_domain::{Entity, Record, Version};
use rusqlite::{Connection, OptionalExtension, params};

use super::codec::entity;
use super::row::{self, COLUMNS, Row, Table};
use super::{Key, ReplicaError};

/// Keeps a delivered record, unless a newer state of it is here, and counts it in `digest`. A
/// deleted habit takes its entries with it: the server does not send the live ones again. Answers with the
/// records that changed.
pub(super) fn keep(
    connection: &Connection,
    record: &Record,
    digest: &mut Digest,
) -> Result<Vec<Key>, ReplicaError> {
    let new = Row::of(record)?;
    let mut changed = Vec::new();
    let old = standing(connection, new.key)?;
    if old.is_none_or(|old| old.seq < new.seq) {
        let counted = old.map_or(Digest::EMPTY, |old| old.digest);
        *digest = digest.minus(counted).plus(new.digest());
        new.write(connection, Table::Base)?;
        changed.push(new.key);
    }
    if new.key.entity == Entity::Habit && !new.is_live {
        let mut gone = connection.prepare_cached(
            "DELETE FROM base WHERE habit_id = ?1 AND entity = 'entry'
             RETURNING id, version, is_live",
        )?;
        let mut rows = gone.query([new.key.id])?;
        while let Some(entry) = rows.next()? {
            let key = Key {
                entity: Entity::Entry,
                id: entry.get(0)?,
            };
            *digest = digest.minus(row::digest(key, entry.get(1)?, entry.get(2)?));
            changed.push(key);
        }
    }
    Ok(changed)
}

/// How a record stands here.
#[derive(Clone, Copy)]
struct Standing {
    seq: i64,
    digest: Digest,
}

fn standing(connection: &Connection, key: Key) -> Result<Option<Standing>, ReplicaError> {
    let sql = "SELECT seq, version, is_live FROM base WHERE entity = ?1 AND id = ?2";
    let found = connection
        .prepare_cached(sql)?
        .query_row(params![key.entity.as_str(), key.id], |found| {
            Ok(Standing {
                seq: found.get(0)?,
                digest: row::digest(key, found.get(1)?, found.get(2)?),
            })
        })
        .optional()?;
    Ok(found)
}

/// Puts a delivered record aside until everything has been delivered anew.
pub(super) fn stage(connection: &Connection, record: &Record) -> Result<(), ReplicaError> {
    Row::of(record)?.write(connection, Table::Staged)
}

/// Drops what was put aside of habits that were deleted while everything was delivered anew.
pub(super) fn drop_staged_orphans(connection: &Connection) -> Result<(), ReplicaError> {
    connection
        .prepare_cached(
            "DELETE FROM staged WHERE entity = 'entry' AND habit_id IN
             (SELECT id FROM staged WHERE entity = 'habit' AND NOT is_live)",
        )?
        .execute([])?;
    Ok(())
}

/// What was put aside takes the place of everything.
pub(super) fn swap(connection: &Connection) -> Result<(), ReplicaError> {
    connection.execute_batch(&format!(
        "DELETE FROM base;
         INSERT INTO base ({COLUMNS}) SELECT {COLUMNS} FROM staged;
         DELETE FROM staged;"
    ))?;
    Ok(())
}

pub(super) fn clear_staged(connection: &Connection) -> Result<(), ReplicaError> {
    connection
        .prepare_cached("DELETE FROM staged")?
        .execute([])?;
    Ok(())
}

/// Writes `record` over whatever is here.
pub(super) fn replace(connection: &Connection, record: &Record) -> Result<(), ReplicaError> {
    Row::of(record)?.write(connection, Table::Base)
}

pub(super) fn remove(connection: &Connection, key: Key) -> Result<(), ReplicaError> {
    connection
        .prepare_cached("DELETE FROM base WHERE entity = ?1 AND id = ?2")?
        .execute(params![key.entity.as_str(), key.id])?;
    Ok(())
}

pub(super) fn row(
    connection: &Connection,
    table: Table,
    key: Key,
) -> Result<Option<Row>, ReplicaError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM {} WHERE entity = ?1 AND id = ?2",
        table.name()
    );
    let found = connection
        .prepare_cached(&sql)?
        .query_row(params![key.entity.as_str(), key.id], |found| {
            Ok(Row::read(found))
        })
        .optional()?;
    found.transpose()
}

pub(super) fn load(connection: &Connection, key: Key) -> Result<Option<Record>, ReplicaError> {
    let found = row(connection, Table::Base, key)?;
    found.map(|row| row.record()).transpose()
}

/// Every record, in the order of their ids: for comparing replicas.
pub(super) fn all(connection: &Connection) -> Result<Vec<Record>, ReplicaError> {
    let sql = format!("SELECT {COLUMNS} FROM base ORDER BY entity, id");
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([])?;
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        records.push(Row::read(row)?.record()?);
    }
    Ok(records)
}

/// What all rows add up to, bucket by bucket.
pub(super) fn buckets(connection: &Connection) -> Result<Buckets, ReplicaError> {
    let mut statement =
        connection.prepare_cached("SELECT entity, id, version FROM base WHERE is_live = 1")?;
    let mut rows = statement.query([])?;
    let mut buckets = Buckets::empty();
    while let Some(row) = rows.next()? {
        let entity = entity(&row.get::<_, String>(0)?)?;
        let id: uuid::Uuid = row.get(1)?;
        if let Some(version) = Version::new(row.get(2)?) {
            buckets.add(entity, id.as_u128(), version);
        }
    }
    Ok(buckets)
}

/// How many live records there are.
pub(super) fn count_live(connection: &Connection) -> Result<u64, ReplicaError> {
    let sql = "SELECT count(*) FROM base WHERE is_live = 1";
    let count: i64 = connection
        .prepare_cached(sql)?
        .query_row([], |row| row.get(0))?;
    Ok(count.cast_unsigned())
}

/// The live rows for which `is_wanted`; what cannot be read is left out.
pub(super) fn live_rows(
    connection: &Connection,
    mut is_wanted: impl FnMut(Key) -> bool,
) -> Result<Vec<Row>, ReplicaError> {
    let sql = format!("SELECT {COLUMNS} FROM base WHERE is_live = 1");
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        match Row::read(row) {
            Ok(row) if is_wanted(row.key) => found.push(row),
            Ok(_) | Err(ReplicaError::Damaged { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// The digest as it is kept beside the rows.
pub(super) fn digest(connection: &Connection) -> Result<Digest, ReplicaError> {
    let sql = "SELECT digest FROM replica";
    let stored: Option<i64> = connection
        .prepare_cached(sql)?
        .query_row([], |row| row.get(0))?;
    match stored {
        Some(number) => Ok(Digest::new(number.cast_unsigned())),
        None => Ok(buckets(connection)?.total()),
    }
}

pub(super) fn keep_digest(connection: &Connection, digest: Digest) -> Result<(), ReplicaError> {
    let sql = "UPDATE replica SET digest = ?1";
    connection
        .prepare_cached(sql)?
        .execute([digest.get().cast_signed()])?;
    Ok(())
}

/// Counts all rows anew.
pub(super) fn recount(connection: &Connection) -> Result<Buckets, ReplicaError> {
    let buckets = buckets(connection)?;
    keep_digest(connection, buckets.total())?;
    Ok(buckets)
}

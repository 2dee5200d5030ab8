//! The mirror: the server's records as they were last delivered (SQL table `base`), and the staged
//! copy that a resync fills (SQL table `staged`).
//!
//! A digest of the live records is kept in `replica.digest` and is updated in the transaction that
//! changes a record. The server's digest is only compared with it, never stored: a stored copy
//! would always match and would hide a damaged replica.

use kanso_domain::sync::{Buckets, Digest};
use kanso_domain::{Entity, Record, Version};
use rusqlite::{Connection, OptionalExtension, params};

use super::codec::entity;
use super::delivered::DeliveredStates;
use super::row::{self, COLUMNS, MirrorRow, MirrorTable};
use super::{RecordKey, ReplicaError};

/// Stores a delivered record unless the mirror has a newer state of it, and updates `digest`.
///
/// A tombstone of a habit also removes the habit's entries. Returns the records that changed.
pub(super) fn store(
    connection: &Connection,
    new: &MirrorRow,
    digest: &mut Digest,
) -> Result<Vec<RecordKey>, ReplicaError> {
    let mut changed = Vec::new();
    let old = known_state(connection, new.key)?;
    // A page of an older sync may arrive late, after another process has stored newer states.
    if old.as_ref().is_none_or(|old| old.seq < new.seq) {
        // The digest is a sum, so a replaced row is subtracted and the new one added.
        let counted = old.as_ref().map_or(Digest::EMPTY, |old| old.digest);
        *digest = digest.minus(counted).plus(new.digest());
        let replaced = row(connection, MirrorTable::Base, new.key)
            .ok()
            .flatten()
            .and_then(|old| old.members().ok());
        new.write(connection, MirrorTable::Base)?;
        // A row that cannot be read has no earlier states; the write has cleared its list.
        if let Some(old) = old
            && let Some(replaced) = replaced
        {
            old.delivered
                .store(connection, new.key, &replaced, new.members()?)?;
        }
        changed.push(new.key);
    }
    if new.key.entity == Entity::Habit && !new.is_live {
        // The habit's tombstone stands for its live entries: the server does not send tombstones
        // for them.
        let mut deletion = connection.prepare_cached(
            "DELETE FROM base WHERE habit_id = ?1 AND entity = 'entry'
             RETURNING id, version, is_live",
        )?;
        let mut rows = deletion.query([new.key.id])?;
        while let Some(entry) = rows.next()? {
            let key = RecordKey {
                entity: Entity::Entry,
                id: entry.get(0)?,
            };
            *digest = digest.minus(row::digest(key, entry.get(1)?, entry.get(2)?));
            changed.push(key);
        }
    }
    Ok(changed)
}

/// Newest known state of a record.
struct KnownState {
    /// Position in the history.
    seq: i64,
    /// Share of the digest.
    digest: Digest,
    /// This state and those that were delivered before it.
    delivered: DeliveredStates,
}

fn known_state(
    connection: &Connection,
    key: RecordKey,
) -> Result<Option<KnownState>, ReplicaError> {
    let sql = "SELECT seq, version, is_live, earlier FROM base WHERE entity = ?1 AND id = ?2";
    let found = connection
        .prepare_cached(sql)?
        .query_row(params![key.entity.as_str(), key.id], |found| {
            let (seq, version) = (found.get(0)?, found.get(1)?);
            let earlier: Option<String> = found.get(3)?;
            Ok(KnownState {
                seq,
                digest: row::digest(key, version, found.get(2)?),
                delivered: DeliveredStates::of((seq, version), earlier.as_deref()),
            })
        })
        .optional()?;
    Ok(found)
}

/// Stores a record that a resync delivered. It becomes visible when the resync is complete.
pub(super) fn stage(connection: &Connection, record: &MirrorRow) -> Result<(), ReplicaError> {
    record.write(connection, MirrorTable::Staged)
}

/// Removes staged entries whose habit was deleted while the resync was under way.
///
/// The entry can be on an early page and the habit's tombstone on a later one.
pub(super) fn drop_staged_orphans(connection: &Connection) -> Result<(), ReplicaError> {
    connection
        .prepare_cached(
            "DELETE FROM staged WHERE entity = 'entry' AND habit_id IN
             (SELECT id FROM staged WHERE entity = 'habit' AND NOT is_live)",
        )?
        .execute([])?;
    Ok(())
}

/// Replaces the mirror with the staged records.
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

/// Stores `record` and overwrites any state of it, also a newer one.
pub(super) fn replace(connection: &Connection, record: &MirrorRow) -> Result<(), ReplicaError> {
    record.write(connection, MirrorTable::Base)
}

pub(super) fn remove(connection: &Connection, key: RecordKey) -> Result<(), ReplicaError> {
    connection
        .prepare_cached("DELETE FROM base WHERE entity = ?1 AND id = ?2")?
        .execute(params![key.entity.as_str(), key.id])?;
    Ok(())
}

pub(super) fn row(
    connection: &Connection,
    table: MirrorTable,
    key: RecordKey,
) -> Result<Option<MirrorRow>, ReplicaError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM {} WHERE entity = ?1 AND id = ?2",
        table.name()
    );
    let found = connection
        .prepare_cached(&sql)?
        .query_row(params![key.entity.as_str(), key.id], |found| {
            Ok(MirrorRow::read(found))
        })
        .optional()?;
    found.transpose()
}

/// Returns the record and how far this version reads it.
pub(super) fn load(
    connection: &Connection,
    key: RecordKey,
) -> Result<Option<(Option<Record>, MirrorRow)>, ReplicaError> {
    let found = row(connection, MirrorTable::Base, key)?;
    found.map(|row| Ok((row.record()?, row))).transpose()
}

/// Returns all records in the order of their ids, to compare replicas. Of a record that this version
/// cannot read completely, it is the stand-in.
pub(super) fn all(connection: &Connection) -> Result<Vec<Record>, ReplicaError> {
    let sql = format!("SELECT {COLUMNS} FROM base ORDER BY entity, id");
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([])?;
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        records.extend(MirrorRow::read(row)?.record()?);
    }
    Ok(records)
}

/// Computes the digest of each bucket from the rows.
pub(super) fn buckets(connection: &Connection) -> Result<Buckets, ReplicaError> {
    let mut statement =
        connection.prepare_cached("SELECT entity, id, version FROM base WHERE is_live = 1")?;
    let mut rows = statement.query([])?;
    let mut buckets = Buckets::empty();
    while let Some(row) = rows.next()? {
        let entity = entity(&row.get::<_, String>(0)?)?;
        let id: uuid::Uuid = row.get(1)?;
        // A version below 1 is damage. It adds nothing, so the bucket differs and is repaired.
        if let Some(version) = Version::new(row.get(2)?) {
            buckets.add(entity, id.as_u128(), version);
        }
    }
    Ok(buckets)
}

/// Returns the number of live records.
pub(super) fn count_live(connection: &Connection) -> Result<u64, ReplicaError> {
    let sql = "SELECT count(*) FROM base WHERE is_live = 1";
    let count: i64 = connection
        .prepare_cached(sql)?
        .query_row([], |row| row.get(0))?;
    Ok(count.cast_unsigned())
}

/// Returns the live rows for which `is_wanted` is true. Unreadable rows are left out.
pub(super) fn live_rows(
    connection: &Connection,
    mut is_wanted: impl FnMut(RecordKey) -> bool,
) -> Result<Vec<MirrorRow>, ReplicaError> {
    let sql = format!("SELECT {COLUMNS} FROM base WHERE is_live = 1");
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        match MirrorRow::read(row) {
            Ok(row) if is_wanted(row.key) => found.push(row),
            // A check removes unreadable rows, and the comparison with the server restores them.
            Ok(_) | Err(ReplicaError::Damaged { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// Returns the stored digest of the live records.
pub(super) fn digest(connection: &Connection) -> Result<Digest, ReplicaError> {
    let sql = "SELECT digest FROM replica";
    let stored: Option<i64> = connection
        .prepare_cached(sql)?
        .query_row([], |row| row.get(0))?;
    match stored {
        Some(number) => Ok(Digest::new(number.cast_unsigned())),
        // A replica of an older version has no digest until it is counted once.
        None => Ok(buckets(connection)?.total()),
    }
}

pub(super) fn store_digest(connection: &Connection, digest: Digest) -> Result<(), ReplicaError> {
    let sql = "UPDATE replica SET digest = ?1";
    connection
        .prepare_cached(sql)?
        .execute([digest.get().cast_signed()])?;
    Ok(())
}

/// Computes the digests from all rows and stores their total.
pub(super) fn recount(connection: &Connection) -> Result<Buckets, ReplicaError> {
    let buckets = buckets(connection)?;
    store_digest(connection, buckets.total())?;
    Ok(buckets)
}

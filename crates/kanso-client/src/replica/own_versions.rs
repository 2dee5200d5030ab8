//! The versions that acknowledged operations of this device made.
//!
//! Copies of one replica share a device id, so the server does not believe that a device knows each
//! edit with its id. A push names the versions of its records that this device made
//! (`seen_versions`). A version is kept while the outbox has an operation on its record: such an
//! operation may build on an older version, even if the page with the newer one has been read.

use std::collections::BTreeMap;

use kanso_protocol::MAX_SEEN_VERSIONS;
use rusqlite::{Connection, params};
use uuid::Uuid;

use super::outbox::{self, PendingOperation};
use super::{RecordKey, ReplicaError};

/// Versions by record, as the request has them.
pub(super) type SeenVersions = BTreeMap<Uuid, Vec<i64>>;

/// Stores a version that an operation on the record made.
pub(super) fn add(
    connection: &Connection,
    key: RecordKey,
    version: i64,
) -> Result<(), ReplicaError> {
    connection
        .prepare_cached(
            "INSERT INTO own_versions (entity, record_id, version) VALUES (?1, ?2, ?3)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![key.entity.as_str(), key.id, version])?;
    Ok(())
}

/// Removes the versions of records without an operation in the outbox. The next edit of such a
/// record builds on a version that has been delivered.
pub(super) fn prune(connection: &Connection) -> Result<(), ReplicaError> {
    connection
        .prepare_cached(
            "DELETE FROM own_versions WHERE NOT EXISTS (
                 SELECT 1 FROM outbox
                 WHERE outbox.entity = own_versions.entity
                   AND outbox.record_id = own_versions.record_id)",
        )?
        .execute([])?;
    Ok(())
}

/// Removes all versions, which are those of another account.
pub(super) fn clear(connection: &Connection) -> Result<(), ReplicaError> {
    connection
        .prepare_cached("DELETE FROM own_versions")?
        .execute([])?;
    Ok(())
}

/// Removes the versions that the staged records do not reach: the server has lost them, and may assign
/// them again to edits of other devices.
pub(super) fn drop_lost(connection: &Connection) -> Result<(), ReplicaError> {
    connection
        .prepare_cached(
            "DELETE FROM own_versions WHERE NOT EXISTS (
                 SELECT 1 FROM staged
                 WHERE staged.entity = own_versions.entity
                   AND staged.id = own_versions.record_id
                   AND staged.version >= own_versions.version)",
        )?
        .execute([])?;
    Ok(())
}

/// Returns the versions of the records of `batch`.
///
/// Shortens the batch if they are more than a request may have. Of a record with too many, the
/// newest are sent.
pub(super) fn of_batch(
    connection: &Connection,
    batch: &mut Vec<PendingOperation>,
) -> Result<SeenVersions, ReplicaError> {
    let mut statement = connection.prepare_cached(
        "SELECT version FROM own_versions WHERE entity = ?1 AND record_id = ?2
         ORDER BY version DESC LIMIT ?3",
    )?;
    let mut seen = SeenVersions::new();
    let mut room = MAX_SEEN_VERSIONS;
    for at in 0..batch.len() {
        let key = batch[at].key;
        if seen.contains_key(&key.id) {
            continue;
        }
        let limit = i64::try_from(MAX_SEEN_VERSIONS).unwrap_or(i64::MAX);
        let rows = statement.query_map(params![key.entity.as_str(), key.id, limit], |row| {
            row.get::<_, i64>(0)
        })?;
        let mut versions = rows.collect::<Result<Vec<_>, _>>()?;
        if versions.len() > room {
            let rest = batch.split_off(at);
            outbox::keep_group_whole(batch, &rest[0])?;
            let group = rest[0].group()?;
            let last = batch.last().map(PendingOperation::group).transpose()?;
            let is_one_group = group.is_some() && last.as_ref() == Some(&group);
            if !is_one_group {
                break;
            }
            // One group needs more versions than fit. It cannot be split, so versions are left out:
            // in the worst case the user has to resolve a conflict of two own edits.
            batch.extend(rest);
            versions.truncate(room);
        }
        room -= versions.len();
        if !versions.is_empty() {
            seen.insert(key.id, versions);
        }
    }
    // A shortened batch may have lost the last operation on a record.
    seen.retain(|id, _| batch.iter().any(|pending| pending.key.id == *id));
    Ok(seen)
}

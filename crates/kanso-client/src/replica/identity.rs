//! The identity of the database file, by which a replica notices that it is a copy.
//!
//! A phone's backup that is restored on a second phone, or a copied folder, has the device id of the
//! original. Two devices with one id look like one device, in the list of devices and in conflicts.
//! So a replica whose file is another one than before draws a new device id.

use std::fs;
use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use uuid::Uuid;

use super::ReplicaError;

/// Returns the identity of the file: its inode and its time of birth, as far as the platform has
/// them, or its path.
pub(super) fn of_file(path: &Path) -> io::Result<String> {
    let metadata = fs::metadata(path)?;
    let born = metadata.created().ok();
    let born = born.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    // The number of the file system is left out: it may change at each start of the machine.
    #[cfg(unix)]
    let inode = Some(std::os::unix::fs::MetadataExt::ino(&metadata));
    #[cfg(not(unix))]
    let inode: Option<u64> = None;
    Ok(match (inode, born) {
        (Some(inode), Some(born)) => format!("{inode}:{}", born.as_nanos()),
        (None, Some(born)) => format!("{}:{}", path.display(), born.as_nanos()),
        (Some(inode), None) => format!("{inode}:{}", path.display()),
        (None, None) => path.display().to_string(),
    })
}

/// Stores the identity of the file. If it was another one before, `device` becomes the device id.
pub(super) fn check(
    connection: &mut Connection,
    identity: &str,
    device: Uuid,
) -> Result<(), ReplicaError> {
    // Without a transaction first: an unchanged file must open while another process writes.
    if stored(connection)?.as_deref() == Some(identity) {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have noticed the move meanwhile.
    let before = stored(&transaction)?;
    if before.as_deref() != Some(identity) {
        if before.is_some() {
            draw_device_id(&transaction, device)?;
        }
        transaction
            .prepare_cached("UPDATE replica SET file_identity = ?1")?
            .execute([identity])?;
    }
    Ok(transaction.commit()?)
}

/// Makes `device` the device id of the operations that follow.
///
/// The operations in the outbox keep the id under which they were made: the server may have carried
/// them out already, under that id. The nonce is drawn again too: a copy must not repeat the original's
/// refresh.
pub(super) fn draw_device_id(
    transaction: &Transaction<'_>,
    device: Uuid,
) -> Result<(), ReplicaError> {
    transaction
        .prepare_cached(
            "UPDATE outbox SET device_id = (SELECT device_id FROM replica)
             WHERE device_id IS NULL",
        )?
        .execute([])?;
    transaction
        .prepare_cached(
            "UPDATE replica SET device_id = ?1, is_session_lost = 0, refresh_nonce = NULL",
        )?
        .execute(params![device])?;
    Ok(())
}

fn stored(connection: &Connection) -> Result<Option<String>, ReplicaError> {
    Ok(connection
        .prepare_cached("SELECT file_identity FROM replica")?
        .query_row([], |row| row.get(0))?)
}

//! Setting aside a damaged replica, and starting a new one with what can still be read.
//!
//! The records are on the server, and the next sync reads them again. The waiting operations are
//! nowhere else, so those that can be read go into the new replica.

use std::fs;
use std::path::{Path, PathBuf};

use kanso_domain::Timestamp;
use kanso_protocol::sync::OperationRequest;
use rusqlite::{Connection, params};
use uuid::Uuid;

use super::account::{self, DeliveredSettings};
use super::open::FILE_NAME;
use super::outbox::{self, PendingOperation};
use super::{Replica, ReplicaError, view};
use crate::clock::{Clock, Ids};

/// Contents of a replica that was set aside.
#[derive(Clone, Debug, PartialEq)]
pub struct Salvage {
    /// The file of the damaged replica. It is not changed and not removed.
    pub set_aside: PathBuf,
    /// E-mail address of its account, if it can still be read. The new replica belongs to it.
    pub account: Option<String>,
    /// Waiting operations that can still be read. They are in the outbox of the new replica.
    pub operations: Vec<OperationRequest>,
    /// True if there may be waiting operations that can no longer be read.
    pub is_incomplete: bool,
}

/// Sets the replica in `folder` aside and creates a new one there.
///
/// Log in and sync afterwards: the server has the records. Rejected operations that wait for a
/// decision are kept as well.
///
/// # Errors
/// The folder has no replica, or cannot be written.
pub fn salvage(folder: &Path, clock: &dyn Clock, ids: &dyn Ids) -> Result<Salvage, ReplicaError> {
    let path = folder.join(FILE_NAME);
    let inaccessible = |source| ReplicaError::Inaccessible {
        path: path.clone(),
        source,
    };
    // A missing file is nothing to salvage.
    fs::metadata(&path).map_err(inaccessible)?;
    let found = Found::read(&path);
    // The new replica is complete before it takes the place of the damaged one, so a crash in between
    // loses no operation.
    let device = ids.next_id();
    let half = folder.join(format!("{FILE_NAME}.recovered-{device}"));
    let mut replica = Replica::open(&half, device)?;
    replica.take_over(&found, clock.now())?;
    // Closing the last connection moves the log into the file.
    drop(replica);
    let set_aside = free_name(folder, clock.now());
    fs::rename(&path, &set_aside).map_err(inaccessible)?;
    for suffix in ["-wal", "-shm"] {
        let with = |path: &Path| {
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            PathBuf::from(name)
        };
        // Most often there is none.
        let _ = fs::rename(with(&path), with(&set_aside));
    }
    fs::rename(half.join(FILE_NAME), &path).map_err(inaccessible)?;
    // An empty folder that stays is no harm.
    let _ = fs::remove_dir(&half);
    Ok(Salvage {
        set_aside,
        account: found.account.map(|account| account.email),
        operations: found
            .operations
            .iter()
            .filter_map(|pending| pending.request().ok())
            .collect(),
        is_incomplete: found.is_incomplete,
    })
}

/// Returns a name for the damaged file that is not in use.
fn free_name(folder: &Path, now: Timestamp) -> PathBuf {
    let seconds = now.as_micros().div_euclid(1_000_000);
    let names = (0_u32..).map(|number| match number {
        0 => folder.join(format!("{FILE_NAME}.damaged-{seconds}")),
        number => folder.join(format!("{FILE_NAME}.damaged-{seconds}-{number}")),
    });
    let mut free = names.filter(|name| !name.exists());
    // The numbers do not run out.
    free.next()
        .unwrap_or_else(|| folder.join("replica.db.damaged"))
}

/// Columns of the account in a damaged file.
struct FoundAccount {
    server: String,
    id: Uuid,
    email: String,
    settings: DeliveredSettings,
}

/// The readable part of a damaged file.
#[derive(Default)]
struct Found {
    device_id: Option<Uuid>,
    account: Option<FoundAccount>,
    operations: Vec<PendingOperation>,
    failures: Vec<FoundFailure>,
    is_incomplete: bool,
}

/// Columns of a failure, as they are.
struct FoundFailure {
    op_id: Vec<u8>,
    entity: String,
    record_id: Vec<u8>,
    body: String,
    result: String,
    written_at: i64,
    failed_at: i64,
}

impl Found {
    fn read(path: &Path) -> Self {
        let mut found = Self {
            is_incomplete: true,
            ..Self::default()
        };
        let Ok(connection) = Connection::open(path) else {
            return found;
        };
        let sql = "SELECT device_id FROM replica";
        found.device_id = connection.query_row(sql, [], |row| row.get(0)).ok();
        let sql =
            "SELECT server_url, account_id, email, timezone, week_start, day_start FROM replica";
        let account = connection.query_row(sql, [], |row| {
            Ok(FoundAccount {
                server: row.get(0)?,
                id: row.get(1)?,
                email: row.get(2)?,
                settings: DeliveredSettings {
                    timezone: row.get(3)?,
                    week_start: row.get(4)?,
                    day_start: row.get(5)?,
                    seq: None,
                },
            })
        });
        found.account = account.ok();
        let are_operations_read = found.read_operations(&connection).is_ok();
        let are_failures_read = found.read_failures(&connection).is_ok();
        found.is_incomplete = !(are_operations_read && are_failures_read);
        found
    }

    /// Reads the failures up to the first page that cannot be read.
    fn read_failures(&mut self, connection: &Connection) -> Result<(), ReplicaError> {
        let mut statement = connection.prepare(
            "SELECT op_id, entity, record_id, body, result, written_at, failed_at
             FROM failures ORDER BY id",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            self.failures.push(FoundFailure {
                op_id: row.get(0)?,
                entity: row.get(1)?,
                record_id: row.get(2)?,
                body: row.get(3)?,
                result: row.get(4)?,
                written_at: row.get(5)?,
                failed_at: row.get(6)?,
            });
        }
        Ok(())
    }

    /// Reads the operations up to the first page that cannot be read.
    fn read_operations(&mut self, connection: &Connection) -> Result<(), ReplicaError> {
        let select = |columns: &str| {
            connection.prepare(&format!(
                "SELECT {columns} FROM outbox WHERE acknowledged_seq IS NULL ORDER BY position"
            ))
        };
        // An older file that cannot be migrated lacks the newest columns.
        let mut statement = select(outbox::COLUMNS)
            .or_else(|_| select(&outbox::COLUMNS.replace("waits_for_create", "0")))
            .or_else(|_| {
                select(&outbox::COLUMNS.replace("device_id, waits_for_create", "NULL, 0"))
            })?;
        let mut rows = statement.query([])?;
        let mut is_whole = Ok(());
        while let Some(row) = rows.next()? {
            match PendingOperation::read(row).and_then(|pending| {
                pending.request()?;
                Ok(pending)
            }) {
                Ok(pending) => self.operations.push(pending),
                Err(error) => is_whole = Err(error),
            }
        }
        is_whole
    }
}

impl Replica {
    fn take_over(&mut self, found: &Found, now: Timestamp) -> Result<(), ReplicaError> {
        let transaction = self.begin()?;
        if let Some(account) = &found.account {
            transaction
                .prepare_cached("UPDATE replica SET server_url = ?1, account_id = ?2, email = ?3")?
                .execute(params![account.server, account.id, account.email])?;
            account::store_settings(&transaction, &account.settings, now)?;
        }
        for pending in &found.operations {
            // They keep the device id under which they were made: the server may have carried them
            // out already, under that id.
            transaction
                .prepare_cached(
                    "INSERT INTO outbox
                         (position, op_id, entity, record_id, body, created_at, is_offer, device_id,
                          waits_for_create)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                )?
                .execute(params![
                    pending.position,
                    pending.op_id,
                    pending.key.entity.as_str(),
                    pending.key.id,
                    pending.body,
                    pending.created_at.as_micros(),
                    pending.is_offer,
                    pending.device_id.or(found.device_id),
                    pending.waits_for_create
                ])?;
        }
        for failure in &found.failures {
            transaction
                .prepare_cached(
                    "INSERT INTO failures
                         (op_id, entity, record_id, body, result, written_at, failed_at)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                )?
                .execute(params![
                    failure.op_id,
                    failure.entity,
                    failure.record_id,
                    failure.body,
                    failure.result,
                    failure.written_at,
                    failure.failed_at
                ])?;
        }
        let settings = account::settings(&transaction)?;
        view::refresh_all(&transaction, &settings)?;
        Ok(transaction.commit()?)
    }
}

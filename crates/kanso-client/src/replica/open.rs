//! Opening the local database.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use uuid::Uuid;

use super::{Replica, ReplicaError, account, identity};

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// `KNSR` in ASCII. SQLite keeps it in the header, which marks the file as a Kanso replica.
const APPLICATION_ID: i32 = 0x4B4E_5352;
/// Longest wait for the write lock: another process may be writing to the same folder.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
const FILE_NAME: &str = "replica.db";

impl Replica {
    /// Opens the replica in `folder` and creates both if needed. A new replica gets the device id
    /// `device_if_new`, and so does one whose file is a copy.
    pub(crate) fn open(folder: &Path, device_if_new: Uuid) -> Result<Self, ReplicaError> {
        let path = folder.join(FILE_NAME);
        let inaccessible = |source| ReplicaError::Inaccessible {
            path: path.clone(),
            source,
        };
        make_private_folder(folder).map_err(inaccessible)?;
        make_private_file(&path).map_err(inaccessible)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&path, flags)?;
        let mut replica = Self::prepare(connection, &path, device_if_new)?;
        let identity = identity::of_file(&path).map_err(inaccessible)?;
        identity::check(&mut replica.connection, &identity, device_if_new)?;
        Ok(replica)
    }

    /// Creates a replica in memory.
    pub(crate) fn in_memory(device: Uuid) -> Result<Self, ReplicaError> {
        Self::prepare(Connection::open_in_memory()?, Path::new(":memory:"), device)
    }

    /// Copies the replica into memory.
    pub(crate) fn copied(&self) -> Result<Self, ReplicaError> {
        let mut copy = Connection::open_in_memory()?;
        // One step copies all pages, so the copy is of one moment.
        rusqlite::backup::Backup::new(&self.connection, &mut copy)?.step(-1)?;
        Self::prepare(copy, Path::new(":memory:"), Uuid::nil())
    }

    fn prepare(
        mut connection: Connection,
        path: &Path,
        device_if_new: Uuid,
    ) -> Result<Self, ReplicaError> {
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.set_prepared_statement_cache_capacity(128);
        // Without this flag SQLite plans some statements again for each bound value, because it
        // looks at the value to choose an index. On a short outbox planning took longer than
        // running the statement.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        let is_current = is_current(&connection, path)?;
        // With WAL, reads of one process do not wait for a write of another.
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // An edit that was reported as done must survive a power cut. `NORMAL` would not flush the
        // WAL at each commit.
        connection.pragma_update(None, "synchronous", "FULL")?;
        if !is_current {
            connection.pragma_update(None, "application_id", APPLICATION_ID)?;
            embedded::migrations::runner()
                .run(&mut connection)
                .map_err(|error| ReplicaError::Storage {
                    source: error.into(),
                })?;
        }
        account::create_row(&connection, device_if_new)?;
        Ok(Self { connection })
    }
}

/// Returns true if the schema is the newest that this version knows.
///
/// Rejects a file that is not a replica, before anything in it is changed.
fn is_current(connection: &Connection, path: &Path) -> Result<bool, ReplicaError> {
    let path = || path.to_owned();
    let mark: i32 = connection
        .pragma_query_value(None, "application_id", |row| row.get(0))
        .map_err(|error| not_a_database(error, path()))?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    // A new file has neither a mark nor a table. An unmarked file with tables is a database of
    // another program.
    if mark != APPLICATION_ID && (mark, tables) != (0, 0) {
        return Err(ReplicaError::Foreign { path: path() });
    }
    if !connection.table_exists(None, "refinery_schema_history")? {
        return Ok(false);
    }
    let newest = "SELECT coalesce(max(version), 0) FROM refinery_schema_history";
    let found: i64 = connection.query_row(newest, [], |row| row.get(0))?;
    let runner = embedded::migrations::runner();
    let versions = runner
        .get_migrations()
        .iter()
        .map(refinery::Migration::version);
    let known = i64::from(versions.max().unwrap_or_default());
    if found > known {
        return Err(ReplicaError::Newer { path: path() });
    }
    Ok(found == known)
}

fn not_a_database(error: rusqlite::Error, path: PathBuf) -> ReplicaError {
    if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) {
        ReplicaError::Foreign { path }
    } else {
        error.into()
    }
}

fn make_private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Creates the database file with mode 0600.
///
/// SQLite would create it with the process's umask, and the file holds the tokens of the session.
/// The WAL and its index inherit the mode of the database file.
fn make_private_file(path: &Path) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

//! Opening the local database.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, ErrorKind, Read as _};
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
pub(super) const FILE_NAME: &str = "replica.db";

impl Replica {
    /// Opens the replica in `folder` and creates both if needed. A new replica gets the device id
    /// `device_if_new`, and so does one whose file is a copy.
    ///
    /// If the file or the folder is read-only, the replica can be read only.
    pub(crate) fn open(folder: &Path, device_if_new: Uuid) -> Result<Self, ReplicaError> {
        let path = folder.join(FILE_NAME);
        let inaccessible = |source| ReplicaError::Inaccessible {
            path: path.clone(),
            source,
        };
        if !path.try_exists().map_err(inaccessible)? {
            make_private_folder(folder).map_err(inaccessible)?;
            create(folder, &path, device_if_new)?;
        }
        check_length(&path).map_err(inaccessible)??;
        // Opened for writing first: SQLite itself would fall back to reading without a word.
        let is_read_only = match fs::OpenOptions::new().write(true).open(&path) {
            Ok(_) => false,
            Err(error) if is_refusal(&error) => true,
            Err(error) => return Err(inaccessible(error)),
        };
        if is_read_only {
            return Self::open_read_only(&path);
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&path, flags)?;
        let mut replica = match Self::prepare(connection, &path, device_if_new) {
            // The folder is read-only and the file is not: SQLite cannot create its log.
            Err(error) if cannot_create_log(&error) => return Self::open_read_only(&path),
            prepared => prepared?,
        };
        let identity = identity::of_file(&path).map_err(inaccessible)?;
        identity::check(&mut replica.connection, &identity, device_if_new)?;
        Ok(replica)
    }

    /// Opens a replica that cannot be written.
    fn open_read_only(path: &Path) -> Result<Self, ReplicaError> {
        let connection = if log_length(path) == 0 {
            // SQLite reads a file with a log only beside an index, which it cannot create here. With
            // an empty log the file is complete, and no process can change it.
            let uri = format!("file:{}?immutable=1", percent_encoded(path));
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
                | OpenFlags::SQLITE_OPEN_NO_MUTEX
                | OpenFlags::SQLITE_OPEN_URI;
            Connection::open_with_flags(uri, flags)?
        } else {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            Connection::open_with_flags(path, flags)?
        };
        configure(&connection)?;
        // An older schema would have to be changed first.
        if !is_current(&connection, path)? {
            return Err(ReplicaError::ReadOnly);
        }
        Ok(Self { connection })
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
        configure(&connection)?;
        let is_current = is_current(&connection, path)?;
        // With WAL, reads of one process do not wait for a write of another.
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // SQLite writes changed blocks early, and again later, if they do not fit. 32 MiB hold those
        // of the largest transaction; memory is taken only as it is used.
        connection.pragma_update(None, "cache_size", -32 * 1024)?;
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
        let mut replica = Self { connection };
        account::clean_address(&replica.connection)?;
        replica.read_again()?;
        Ok(replica)
    }
}

fn configure(connection: &Connection) -> Result<(), ReplicaError> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(128);
    // Without this flag SQLite plans some statements again for each bound value, because it looks at
    // the value to choose an index. On a short outbox planning took longer than running the statement.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// Creates the replica under a name of its own, and gives it its name when it is complete.
///
/// So a file under that name that is empty is damaged, and never a replica whose creation was cut
/// off. If another process is faster, its replica stays.
fn create(folder: &Path, path: &Path, device: Uuid) -> Result<(), ReplicaError> {
    let half = folder.join(format!("{FILE_NAME}.new-{}-{device}", std::process::id()));
    let inaccessible = |source| ReplicaError::Inaccessible {
        path: path.to_owned(),
        source,
    };
    make_private_file(&half).map_err(inaccessible)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let made = Connection::open_with_flags(&half, flags)
        .map_err(ReplicaError::from)
        .and_then(|connection| Replica::prepare(connection, &half, device));
    // Closing the last connection moves the log into the file and removes it.
    let named = made.map(drop).and_then(|()| {
        match fs::hard_link(&half, path) {
            // Not every file system has links.
            Err(error) if error.kind() != ErrorKind::AlreadyExists && !path.exists() => {
                fs::rename(&half, path)
            }
            _ => Ok(()),
        }
        .map_err(inaccessible)
    });
    // It is gone already after a rename.
    let _ = fs::remove_file(&half);
    named
}

/// Returns true if the operating system refuses to write.
fn is_refusal(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied
    )
}

fn cannot_create_log(error: &ReplicaError) -> bool {
    match error {
        ReplicaError::ReadOnly => true,
        ReplicaError::Storage { source } => source
            .downcast_ref::<rusqlite::Error>()
            .is_some_and(|error| error.sqlite_error_code() == Some(ErrorCode::CannotOpen)),
        _ => false,
    }
}

/// Returns the length of the write-ahead log; 0 if there is none.
fn log_length(path: &Path) -> u64 {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    fs::metadata(log).map_or(0, |metadata| metadata.len())
}

/// Checks that the file is as long as its first page says.
///
/// A file that was cut off would otherwise be found out only when a lost page is read, and an empty
/// file would be taken for a new replica.
fn check_length(path: &Path) -> io::Result<Result<(), ReplicaError>> {
    let length = fs::metadata(path)?.len();
    if length == 0 {
        let what = "it is empty".to_owned();
        return Ok(Err(ReplicaError::Broken { what }));
    }
    // Pages of the log may be missing in the file.
    if log_length(path) > 0 {
        return Ok(Ok(()));
    }
    let mut header = [0; 100];
    let mut file = fs::File::open(path)?;
    let read = file.read(&mut header)?;
    if !header.starts_with(b"SQLite format 3\0".get(..read.min(16)).unwrap_or_default()) {
        return Ok(Ok(())); // another file: SQLite says so
    }
    let number = |at: usize| {
        let bytes = header
            .get(at..at + 4)
            .and_then(|bytes| bytes.try_into().ok());
        u64::from(u32::from_be_bytes(bytes.unwrap_or_default()))
    };
    let page = match number(16) >> 16 {
        1 => 65_536,
        size => size,
    };
    let expected = page * number(28);
    // The number of pages counts only if the version that wrote it is the newest (file format §1.3.8).
    if read < header.len() || (number(24) == number(92) && length < expected) {
        let what = format!("it has {length} of {expected} bytes");
        return Ok(Err(ReplicaError::Broken { what }));
    }
    Ok(Ok(()))
}

/// Returns the path as a part of a URI (RFC 3986 §2.1).
fn percent_encoded(path: &Path) -> String {
    let mut encoded = String::new();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(char::from(*byte));
            }
            // Writing to a string does not fail.
            other => drop(write!(encoded, "%{other:02X}")),
        }
    }
    encoded
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

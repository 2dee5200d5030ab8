//! Opening a database: locking, checking, migrating it, and comparing its witness.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use kanso_domain::sync::Epoch;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::file_lock::{FileLock, beside, real_path};
use crate::held_files::HeldFiles;
use crate::witness::{Witness, WitnessMatch};
use crate::{Executor, SqliteOptions, backfill, migrate};

/// "KNSO", the application id in the header of a Kanso database.
const APPLICATION_ID: i32 = 0x4B4E_534F;
/// Oldest supported SQLite, 3.51.3. Before it a reset of the write-ahead log could corrupt the database.
const OLDEST_SQLITE: i32 = 3_051_003;
/// Capacity of the statement cache of a connection: more than there are statements, so that none is
/// compiled twice.
const CACHED_STATEMENTS: usize = 96;
/// Maximum wait for a lock of SQLite. With a single writer it is rarely needed: a checkpoint that
/// truncates the log waits for readers.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Number of epochs that are kept. A device of an older one compares everything.
const KEPT_EPOCHS: i64 = 100;

/// Error of opening a database. Each message is one line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be created, read or written.
    #[error("cannot open the database {}", .path.display())]
    Inaccessible {
        /// The file.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
    /// Another process has it open.
    #[error("the database {} is in use by another process", .path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file is not a Kanso database.
    #[error("{} is not a Kanso database", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A newer version of Kanso wrote the file.
    #[error(
        "the database {} has schema {found}, but this server knows only up to {known}; \
         run the newer server that wrote it", .path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Schema version of the file.
        found: i64,
        /// Newest schema version that this server knows.
        known: i64,
    },
    /// The file is damaged.
    #[error("the database {} is damaged, restore a backup: {problem}", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The first problem found.
        problem: String,
    },
    /// Only SQLite can read the newest writes, and it would have to write for that.
    #[error(
        "the newest writes of the database {} are in its log, which cannot be read in a folder that \
         cannot be written to; copy kanso.db and kanso.db-wal elsewhere, and use the copy",
        .path.display()
    )]
    LogNotReadable {
        /// The file.
        path: PathBuf,
    },
    /// The schema of a database that a server may have open is not the one of this version.
    #[error(
        "the database {} has schema {found}, and this program needs {needed}; start the server once, or \
         run `kanso-server migrate`", .path.display()
    )]
    NotMigrated {
        /// The file.
        path: PathBuf,
        /// Schema version of the file.
        found: i64,
        /// Schema version of this program.
        needed: i64,
    },
    /// A migration failed.
    #[error("cannot migrate the schema of the database {}", .path.display())]
    Migration {
        /// The file.
        path: PathBuf,
        /// Cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// SQLite failed.
    #[error("cannot open the database {}", .path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// Cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The linked SQLite is too old.
    #[error("sqlite {found} is too old, 3.51.3 or newer is needed")]
    OldSqlite {
        /// Version of the linked SQLite.
        found: &'static str,
    },
}

/// The only connection that writes, with the lock and the witness of its file.
#[derive(Debug)]
pub(crate) struct WriterConnection {
    // Fields are dropped in this order: the lock is released after the connection is closed.
    pub(crate) connection: Connection,
    /// Number of commits since the database was created.
    pub(crate) commits: u64,
    /// `None` beside a server, which has the witness and counts the commits.
    pub(crate) witness: Option<Witness>,
    pub(crate) files: Arc<HeldFiles>,
    /// True if the database has to be checked while it is in use.
    pub(crate) must_check: bool,
    /// True if the write-ahead log has data that was erased, or may have it: the last process may have
    /// ended before it emptied the log.
    pub(crate) must_empty_log: bool,
    /// Number of commits at which the log is emptied again, if it must be.
    pub(crate) next_attempt: u64,
    /// True if the file was lost and its log is empty.
    pub(crate) is_rescued: bool,
    /// Shared with the connections that read. The last one of all releases it. `None` beside a server.
    pub(crate) lock: Option<Arc<FileLock>>,
}

/// Opens the database for writing, and creates it if it does not exist.
pub(crate) fn open(options: &SqliteOptions) -> Result<(WriterConnection, Epoch), OpenError> {
    let path = &options.path;
    let lock = try_lock(path)?;
    let lock = lock.ok_or_else(|| OpenError::InUse { path: path.clone() })?;
    open_locked(options, lock)
}

/// Locks the database for this process, and creates its file if it does not exist; `None` if another
/// process has it open.
pub(crate) fn try_lock(path: &Path) -> Result<Option<FileLock>, OpenError> {
    FileLock::acquire(path).map_err(|source| OpenError::Inaccessible {
        path: path.to_owned(),
        source,
    })
}

/// Opens a database that is locked already.
pub(crate) fn open_locked(
    options: &SqliteOptions,
    lock: FileLock,
) -> Result<(WriterConnection, Epoch), OpenError> {
    if rusqlite::version_number() < OLDEST_SQLITE {
        let found = rusqlite::version();
        return Err(OpenError::OldSqlite { found });
    }
    let path = &options.path;
    let inaccessible = |source| OpenError::Inaccessible {
        path: path.clone(),
        source,
    };
    let mut connection =
        connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(|error| refusal(path, error))?;
    // The checks come before the first change: a file of another program, of a newer server or with
    // damage stays as it is.
    let is_new = is_new(&connection, path)?;
    migrate::refuse_newer(&connection, path)?;
    let is_checked = is_checked_first(options);
    if is_checked {
        refuse_damaged(&connection, path)?;
    }
    prepare(&connection, options, is_new).map_err(|error| refusal(path, error))?;
    migrate::up_to_date(&mut connection, path)?;
    // Part of the migration, so it must end before the first request.
    let filled =
        backfill::digests(&mut connection).and_then(|()| backfill::emails(&mut connection));
    filled.map_err(|failure| OpenError::Migration {
        path: path.clone(),
        source: failure.into(),
    })?;
    let stored = stored_history(&connection, options.fresh_epoch);
    let (epoch, commits) = stored.map_err(|error| refusal(path, error))?;
    // Doubt means a new epoch. It costs each device one comparison; a missing one costs records.
    let (mut witness, found) = Witness::check(path, epoch, commits).map_err(inaccessible)?;
    // After the first write, so that all files of the database exist.
    let files = HeldFiles::note(path).map_err(inaccessible)?;
    let mut writer = WriterConnection {
        connection,
        commits,
        witness: None,
        files: Arc::new(files),
        must_check: !is_checked,
        must_empty_log: true,
        next_attempt: commits,
        is_rescued: false,
        lock: Some(Arc::new(lock)),
    };
    let epoch = match found {
        WitnessMatch::Same => epoch,
        // A new database has no witness and no history yet.
        WitnessMatch::Absent if commits == 0 => epoch,
        WitnessMatch::Absent
        | WitnessMatch::Older
        | WitnessMatch::Foreign
        | WitnessMatch::Moved => {
            tracing::warn!(
                found = found.as_str(),
                "the database was restored or replaced: its history gets a new epoch, and every \
                 device will compare and resync"
            );
            let epoch = options.fresh_epoch;
            store_epoch(&writer.connection, epoch).map_err(|error| refusal(path, error))?;
            epoch
        }
    };
    list_epoch(&writer.connection, epoch).map_err(|error| refusal(path, error))?;
    witness.start_epoch(epoch, commits).map_err(inaccessible)?;
    writer.witness = Some(witness);
    Ok((writer, epoch))
}

/// Opens a database that a server may have open, for a few short writes.
//
// SQLite's own locks order its transactions with those of the server, and each side waits for the other at
// most `BUSY_TIMEOUT`. The server keeps no row in memory between two transactions. These writes are not in
// its count of commits, so after a restore from a copy that lacks only them no device resyncs. That is
// right: they touch no history.
pub(crate) fn open_beside(options: &SqliteOptions) -> Result<(WriterConnection, Epoch), OpenError> {
    let path = &options.path;
    let connection =
        connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(|error| refusal(path, error))?;
    if is_new(&connection, path)? {
        let path = path.clone();
        return Err(OpenError::Foreign { path });
    }
    let found = migrate::refuse_newer(&connection, path)?;
    let needed = migrate::newest_known();
    if found < needed {
        return Err(OpenError::NotMigrated {
            path: path.clone(),
            found,
            needed,
        });
    }
    prepare(&connection, options, false).map_err(|error| refusal(path, error))?;
    let epoch: i64 = connection
        .query_row("SELECT epoch FROM server WHERE id = 1", [], |row| {
            row.get(0)
        })
        .map_err(|error| refusal(path, error))?;
    let files = HeldFiles::note(path).map_err(|source| OpenError::Inaccessible {
        path: path.clone(),
        source,
    })?;
    let writer = WriterConnection {
        connection,
        commits: 0,
        witness: None,
        files: Arc::new(files),
        // The server checks the file and empties the log.
        must_check: false,
        must_empty_log: false,
        next_attempt: u64::MAX,
        is_rescued: false,
        lock: None,
    };
    Ok((writer, Epoch::new(epoch.cast_unsigned())))
}

/// Checks that the file is an intact Kanso database that this version can read.
pub(crate) fn check(path: &Path) -> Result<(), OpenError> {
    let connection = connect_to_read(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    if is_new(&connection, path)? {
        let path = path.to_owned();
        return Err(OpenError::Foreign { path });
    }
    migrate::refuse_newer(&connection, path)?;
    refuse_damaged(&connection, path)
}

/// Opens a connection that only reads.
pub(crate) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    // READ_ONLY protects the file, `query_only` also rejects a write statement before it runs.
    connection.execute_batch("PRAGMA query_only = ON")?;
    Ok(connection)
}

/// Opens a connection of a command that only reads, also in a folder that cannot be written to, such
/// as a mounted snapshot.
pub(crate) fn connect_to_read(path: &Path, access: OpenFlags) -> Result<Connection, OpenError> {
    let connection = connect(path, access).map_err(|error| refusal(path, error))?;
    let count = "SELECT count(*) FROM sqlite_schema";
    let readable = connection.query_row(count, [], |_| Ok(()));
    match readable
        .as_ref()
        .map_err(rusqlite::Error::sqlite_error_code)
    {
        // To read a database in WAL mode, SQLite opens or creates the file with the shared memory.
        Err(Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly)) => {}
        // Any other error is reported by the first use of the connection.
        _ => return Ok(connection),
    }
    drop(connection);
    let real = real_path(path);
    let log = std::fs::metadata(beside(&real, "-wal"));
    if log.is_ok_and(|log| log.len() > 0) {
        let path = path.to_owned();
        return Err(OpenError::LogNotReadable { path });
    }
    // `immutable` reads the one file without locks and without its log, which is empty. There is no
    // shared memory, so no server has the database open.
    let access = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let uri = format!("file:{}?immutable=1", percent_encoded(&real));
    connect(Path::new(&uri), access).map_err(|error| refusal(path, error))
}

/// Returns a path as it is written in a URI.
fn percent_encoded(path: &Path) -> String {
    let mut encoded = String::new();
    for &byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            // Writing to a string cannot fail.
            _ => drop(write!(encoded, "%{byte:02X}")),
        }
    }
    encoded
}

/// Opens a connection with the settings that readers and the writer share.
pub(crate) fn connect(path: &Path, access: OpenFlags) -> rusqlite::Result<Connection> {
    // Without OPEN_URI, so that a path that begins with `file:` stays a path. NO_MUTEX: a connection is
    // used by one thread at a time anyway.
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // The query planner stability guarantee: plans do not depend on bound values. Without it SQLite
    // compiles a cached statement with a bound LIMIT again at each use.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    Ok(connection)
}

/// Converts an error of SQLite into the reason why the database is not opened.
pub(crate) fn refusal(path: &Path, error: rusqlite::Error) -> OpenError {
    let path = path.to_owned();
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::Foreign { path },
        Some(ErrorCode::DatabaseCorrupt) => OpenError::Damaged {
            path,
            problem: error.to_string(),
        },
        _ => OpenError::Sqlite {
            path,
            source: error.into(),
        },
    }
}

/// Returns true if the file is empty. Refuses a file of another program before anything in it is
/// changed.
pub(crate) fn is_new(connection: &Connection, path: &Path) -> Result<bool, OpenError> {
    let read = || -> rusqlite::Result<(i32, i64)> {
        let id = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
        let count = "SELECT count(*) FROM sqlite_schema";
        Ok((id, connection.query_row(count, [], |row| row.get(0))?))
    };
    match read().map_err(|error| refusal(path, error))? {
        (APPLICATION_ID, _) => Ok(false),
        // No application id and no table. An id of zero with tables is a database of another program.
        (0, 0) => Ok(true),
        _ => Err(OpenError::Foreign {
            path: path.to_owned(),
        }),
    }
}

/// Fails if the database is damaged. Reads every page.
pub(crate) fn refuse_damaged(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    match first_problem(connection).map_err(|error| refusal(path, error))? {
        None => Ok(()),
        Some(problem) => Err(OpenError::Damaged {
            path: path.to_owned(),
            problem,
        }),
    }
}

/// Returns the first problem of the database in one line; `None` if it is intact. Reads every page.
pub(crate) fn first_problem(connection: &Connection) -> rusqlite::Result<Option<String>> {
    // quick_check and not integrity_check: it skips the comparison of indexes with their tables, which
    // takes many times longer.
    let problem: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    Ok((problem != "ok").then(|| problem.replace('\n', " ")))
}

/// Returns true if the database is checked before the first request, and not beside the requests.
fn is_checked_first(options: &SqliteOptions) -> bool {
    let length = std::fs::metadata(&options.path).map_or(0, |found| found.len());
    options.executor == Executor::Inline || length <= options.checked_first
}

/// Applies the settings of the writer.
fn prepare(connection: &Connection, options: &SqliteOptions, is_new: bool) -> rusqlite::Result<()> {
    if is_new {
        connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    }
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    // Some network file systems cannot share the memory of the log, and SQLite silently keeps the old
    // mode. Then readers would block the writer.
    if mode != "wal" {
        return Err(rusqlite::Error::InvalidParameterName(format!(
            "the file system does not support a write-ahead log, only journal mode {mode}"
        )));
    }
    connection.execute_batch(include_str!("writer.sql"))?;
    if let Some(pages) = options.max_pages {
        connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
    }
    Ok(())
}

/// Returns the stored epoch and the number of commits. Stores `fresh` if there is no epoch yet. The
/// column holds the 64 random bits as a signed number.
fn stored_history(connection: &Connection, fresh: Epoch) -> rusqlite::Result<(Epoch, u64)> {
    connection.execute(
        "INSERT INTO server (id, epoch) VALUES (1, ?1) ON CONFLICT (id) DO NOTHING",
        [fresh.get().cast_signed()],
    )?;
    let sql = "SELECT epoch, commits FROM server WHERE id = 1";
    connection.query_row(sql, [], |row| {
        let (epoch, commits): (i64, i64) = (row.get(0)?, row.get(1)?);
        Ok((Epoch::new(epoch.cast_unsigned()), commits.cast_unsigned()))
    })
}

/// Puts the epoch at the end of the list, if it is not there yet.
fn list_epoch(connection: &Connection, epoch: Epoch) -> rusqlite::Result<()> {
    let sql = "INSERT INTO epochs (ordinal, epoch)
               SELECT coalesce(max(ordinal), 0) + 1, ?1 FROM epochs WHERE true
               ON CONFLICT (epoch) DO NOTHING";
    if connection.execute(sql, [epoch.get().cast_signed()])? > 0 {
        let sql = "DELETE FROM epochs WHERE ordinal <= (SELECT max(ordinal) FROM epochs) - ?1";
        connection.execute(sql, [KEPT_EPOCHS])?;
        connection.execute(
            "DELETE FROM history_starts WHERE epoch NOT IN (SELECT epoch FROM epochs)",
            [],
        )?;
    }
    Ok(())
}

fn store_epoch(connection: &Connection, epoch: Epoch) -> rusqlite::Result<()> {
    let sql = "UPDATE server SET epoch = ?1 WHERE id = 1";
    connection
        .execute(sql, [epoch.get().cast_signed()])
        .map(drop)
}

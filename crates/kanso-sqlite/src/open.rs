//! Opening a database: whose it is, whether it is sound, and which version wrote it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kanso_domain::sync::Epoch;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::guard::{Guard, open_private};
use crate::witness::{Testimony, Witness};
use crate::{SqliteOptions, backfill, migrate};

/// "KNSO": marks a file as ours, in SQLite's header.
const APPLICATION_ID: i32 = 0x4B4E_534F;
/// Before this version a reset of the write-ahead log could corrupt the database.
const OLDEST_SQLITE: i32 = 3_051_003;
/// Statements that a connection keeps prepared; more than there are.
const CACHED_STATEMENTS: usize = 96;
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a database was not opened. Each is one line for an operator; what caused it is the source.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be made, read or written.
    #[error("cannot open the database {}", .path.display())]
    Inaccessible {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Another process has it open.
    #[error("the database {} is in use by another process", .path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file is something else.
    #[error("{} is not a Kanso database", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A newer version of the server wrote it.
    #[error(
        "the database {} has schema {found}, but this server knows only up to {known}; \
         run the newer server that wrote it", .path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The schema of the file.
        found: i64,
        /// The newest schema that this server knows.
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
    /// The schema could not be brought up to date.
    #[error("cannot bring the schema of the database {} up to date", .path.display())]
    Migration {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// SQLite failed.
    #[error("cannot open the database {}", .path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The SQLite that is linked in is too old.
    #[error("sqlite {found} is too old, 3.51.3 or newer is needed")]
    OldSqlite {
        /// Its version.
        found: &'static str,
    },
}

/// The connection that writes, and what keeps others away from its file.
#[derive(Debug)]
pub(crate) struct Home {
    // Dropped in this order: the lock outlives the connection.
    pub(crate) connection: Connection,
    /// How many there were.
    pub(crate) commits: u64,
    pub(crate) witness: Witness,
    _guard: Guard,
}

/// Opens or makes the database for writing.
pub(crate) fn open(options: &SqliteOptions) -> Result<(Home, Epoch), OpenError> {
    let path = &options.path;
    let guard = take(path)?;
    let guard = guard.ok_or_else(|| OpenError::InUse { path: path.clone() })?;
    open_guarded(options, guard)
}

/// Keeps other processes away from the database; `None` when one of them does so already.
pub(crate) fn take(path: &Path) -> Result<Option<Guard>, OpenError> {
    Guard::take(path).map_err(|source| OpenError::Inaccessible {
        path: path.to_owned(),
        source,
    })
}

/// The same as [`open`] for whoever holds the `guard` already.
pub(crate) fn open_guarded(
    options: &SqliteOptions,
    guard: Guard,
) -> Result<(Home, Epoch), OpenError> {
    if rusqlite::version_number() < OLDEST_SQLITE {
        let found = rusqlite::version();
        return Err(OpenError::OldSqlite { found });
    }
    let path = &options.path;
    let inaccessible = |source| OpenError::Inaccessible {
        path: path.clone(),
        source,
    };
    open_private(path).map_err(inaccessible)?;
    let mut connection =
        connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(|error| refusal(path, error))?;
    let is_new = is_new(&connection, path)?;
    migrate::refuse_newer(&connection, path)?;
    refuse_damaged(&connection, path)?;
    prepare(&connection, options, is_new).map_err(|error| refusal(path, error))?;
    migrate::up_to_date(&mut connection, path)?;
    backfill::digests(&mut connection).map_err(|failure| OpenError::Migration {
        path: path.clone(),
        source: failure.into(),
    })?;
    let stored = stored_history(&connection, options.fresh_epoch);
    let (epoch, commits) = stored.map_err(|error| refusal(path, error))?;
    let (witness, testimony) = Witness::hear(path, epoch, commits).map_err(inaccessible)?;
    let mut home = Home {
        connection,
        commits,
        witness,
        _guard: guard,
    };
    let epoch = match testimony {
        Testimony::Same => epoch,
        // A database that nothing was written to has no history to be mixed up with.
        Testimony::Absent if commits == 0 => epoch,
        Testimony::Absent | Testimony::Older | Testimony::Other | Testimony::Moved => {
            tracing::warn!(
                found = testimony.as_str(),
                "the database was restored or replaced: its history gets a new epoch, and every \
                 device will compare and resync"
            );
            let epoch = options.fresh_epoch;
            begin_epoch(&home.connection, epoch).map_err(|error| refusal(path, error))?;
            home.witness.follow(epoch);
            epoch
        }
    };
    home.witness.tell(commits).map_err(inaccessible)?;
    Ok((home, epoch))
}

/// Whether the file at `path` is a sound database of ours that this version understands.
pub(crate) fn check(path: &Path) -> Result<(), OpenError> {
    let connection =
        connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(|error| refusal(path, error))?;
    if is_new(&connection, path)? {
        let path = path.to_owned();
        return Err(OpenError::Foreign { path });
    }
    migrate::refuse_newer(&connection, path)?;
    refuse_damaged(&connection, path)
}

/// A connection that only reads.
pub(crate) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.execute_batch("PRAGMA query_only = ON")?;
    Ok(connection)
}

pub(crate) fn connect(path: &Path, access: OpenFlags) -> rusqlite::Result<Connection> {
    // Without OPEN_URI: a path that begins with `file:` is a path.
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // A plan that does not look at bound values is kept when they change; without this, a cached
    // statement with a bound LIMIT is compiled again at each use.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    Ok(connection)
}

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

/// Whether the file is empty; a file that is not and that we did not write is refused before
/// anything in it is changed.
pub(crate) fn is_new(connection: &Connection, path: &Path) -> Result<bool, OpenError> {
    let read = || -> rusqlite::Result<(i32, i64)> {
        let mark = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
        let count = "SELECT count(*) FROM sqlite_schema";
        Ok((mark, connection.query_row(count, [], |row| row.get(0))?))
    };
    match read().map_err(|error| refusal(path, error))? {
        (APPLICATION_ID, _) => Ok(false),
        (0, 0) => Ok(true),
        _ => Err(OpenError::Foreign {
            path: path.to_owned(),
        }),
    }
}

pub(crate) fn refuse_damaged(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let verdict: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|error| refusal(path, error))?;
    if verdict == "ok" {
        return Ok(());
    }
    Err(OpenError::Damaged {
        path: path.to_owned(),
        problem: verdict.replace('\n', " "),
    })
}

fn prepare(connection: &Connection, options: &SqliteOptions, is_new: bool) -> rusqlite::Result<()> {
    if is_new {
        connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    }
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        return Err(rusqlite::Error::InvalidParameterName(format!(
            "the file system allows no write-ahead log, only journal mode {mode}"
        )));
    }
    connection.execute_batch(include_str!("writer.sql"))?;
    if let Some(pages) = options.max_pages {
        connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
    }
    Ok(())
}

/// The epoch, which is made if there is none, and how many commits there were. The epoch is 64
/// random bits; a column holds them as a signed number.
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

fn begin_epoch(connection: &Connection, epoch: Epoch) -> rusqlite::Result<()> {
    let sql = "UPDATE server SET epoch = ?1 WHERE id = 1";
    connection
        .execute(sql, [epoch.get().cast_signed()])
        .map(drop)
}

//! Schema migrations.

use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use kanso_application::ports::schema::{SchemaStep, StepState};
use rusqlite::{Connection, OpenFlags};

use crate::SqliteOptions;
use crate::file_lock::{FileLock, beside, real_path};
use crate::open::{
    OpenError, connect_to_read, is_new, open_locked, refusal, refuse_damaged, try_lock,
};

mod embedded {
    refinery::embed_migrations!("migrations");
}

// A migration waits up to ten seconds for a database in use: the process that has it open may run the
// same migration and be done soon.
const ATTEMPTS: u32 = 100;
const PAUSE: Duration = Duration::from_millis(100);

/// Returns the migrations of this version in order, each with its state in the database at `path`. All
/// are pending if there is no such file. Changes nothing, and works while a server has the database
/// open. Blocks: the check reads every page of the database.
///
/// # Errors
/// See [`OpenError`]; a database in use is not an error.
pub fn schema(path: &Path) -> Result<Vec<SchemaStep>, OpenError> {
    let exists = path.try_exists().map_err(|source| {
        let path = path.to_owned();
        OpenError::Inaccessible { path, source }
    })?;
    if !exists {
        return Ok(steps(0));
    }
    let connection = connect_to_read(path, access(path))?;
    connection
        .pragma_update(None, "query_only", true)
        .map_err(|error| refusal(path, error))?;
    if is_new(&connection, path)? {
        return Ok(steps(0));
    }
    let newest = refuse_newer(&connection, path)?;
    refuse_damaged(&connection, path)?;
    Ok(steps(newest))
}

/// Creates a missing database and runs the pending migrations, as a starting server does, and returns
/// every step. While a server of the same version runs there is nothing to do. Several processes that
/// migrate at once wait for one another. Blocks, for at most about ten seconds while another process
/// has the database open.
///
/// # Errors
/// See [`OpenError`].
pub fn migrate(options: &SqliteOptions) -> Result<Vec<SchemaStep>, OpenError> {
    let path = &options.path;
    let Some(lock) = wait(path)? else {
        return schema(path);
    };
    // Read before the migration, so that the steps which it applies can be marked.
    let mut steps = schema(path)?;
    drop(open_locked(options, lock)?);
    for step in &mut steps {
        if step.state == StepState::Pending {
            step.state = StepState::AppliedNow;
        }
    }
    Ok(steps)
}

/// Waits for the lock; `None` if another process has it and no migration is pending.
fn wait(path: &Path) -> Result<Option<FileLock>, OpenError> {
    for _ in 0..ATTEMPTS {
        if let Some(lock) = try_lock(path)? {
            return Ok(Some(lock));
        }
        let is_pending = |step: &SchemaStep| step.state == StepState::Pending;
        if !schema(path)?.iter().any(is_pending) {
            return Ok(None);
        }
        sleep(PAUSE);
    }
    let path = path.to_owned();
    Err(OpenError::InUse { path })
}

/// Returns the flags with which reading leaves no new file behind.
//
// A read-only connection to a database in WAL mode creates an empty log and cannot remove it. If there
// is no log yet, a connection that may write is used, which removes it when it closes.
fn access(path: &Path) -> OpenFlags {
    if beside(&real_path(path), "-wal").exists() {
        OpenFlags::SQLITE_OPEN_READ_ONLY
    } else {
        OpenFlags::SQLITE_OPEN_READ_WRITE
    }
}

/// Returns all migrations; those up to the version `newest` are applied.
fn steps(newest: i64) -> Vec<SchemaStep> {
    let runner = embedded::migrations::runner();
    let mut steps: Vec<_> = runner
        .get_migrations()
        .iter()
        .map(|migration| {
            let version = i64::from(migration.version());
            SchemaStep {
                version,
                name: migration.name().to_owned(),
                state: if version <= newest {
                    StepState::Applied
                } else {
                    StepState::Pending
                },
            }
        })
        .collect();
    steps.sort_by_key(|step| step.version);
    steps
}

/// Returns the version of the newest applied migration. Refuses one that this server does not know.
pub(crate) fn refuse_newer(connection: &Connection, path: &Path) -> Result<i64, OpenError> {
    let read = || -> rusqlite::Result<i64> {
        if !connection.table_exists(None, "refinery_schema_history")? {
            return Ok(0);
        }
        let newest = "SELECT coalesce(max(version), 0) FROM refinery_schema_history";
        connection.query_row(newest, [], |row| row.get(0))
    };
    let found = read().map_err(|error| refusal(path, error))?;
    let known = newest_known();
    if found > known {
        return Err(OpenError::Newer {
            path: path.to_owned(),
            found,
            known,
        });
    }
    Ok(found)
}

/// Returns the version of the newest migration of this program.
pub(crate) fn newest_known() -> i64 {
    let runner = embedded::migrations::runner();
    let versions = runner
        .get_migrations()
        .iter()
        .map(refinery::Migration::version);
    i64::from(versions.max().unwrap_or_default())
}

/// Runs the pending migrations.
pub(crate) fn up_to_date(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let migration = |error: refinery::Error| OpenError::Migration {
        path: path.to_owned(),
        source: error.into(),
    };
    let report = embedded::migrations::runner()
        .run(connection)
        .map_err(migration)?;
    for applied in report.applied_migrations() {
        tracing::info!(migration = %applied, "database migration applied");
    }
    Ok(())
}

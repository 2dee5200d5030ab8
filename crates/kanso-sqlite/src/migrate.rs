//! The schema: which steps there are, which a database has taken, and taking the others.

use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use kanso_application::ports::schema::{SchemaStep, StepState};
use rusqlite::{Connection, OpenFlags};

use crate::SqliteOptions;
use crate::guard::Guard;
use crate::open::{OpenError, connect, is_new, open_guarded, refusal, refuse_damaged, take};

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// How often, and how far apart, somebody who migrates asks for a database that is in use: what
/// holds it may be doing the same and be done soon.
const ATTEMPTS: u32 = 100;
const PAUSE: Duration = Duration::from_millis(100);

/// The steps to the schema of this version, in their order, and which of them the database at
/// `path` has taken; all are pending when there is no such file. Changes nothing, also while a
/// server has the database open. Blocks; of a large database the check reads every page.
///
/// # Errors
/// What would keep a server from opening it, but for its being in use.
pub fn schema(path: &Path) -> Result<Vec<SchemaStep>, OpenError> {
    let exists = path.try_exists().map_err(|source| {
        let path = path.to_owned();
        OpenError::Inaccessible { path, source }
    })?;
    if !exists {
        return Ok(steps(0));
    }
    let connection = connect(path, access(path)).map_err(|error| refusal(path, error))?;
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

/// Makes the database where it is missing and brings its schema up to date, as a server does when
/// it starts, and tells which steps that took. Beside a server of the same version there is nothing
/// to do; several that are called at once wait for one another. Blocks, for about ten seconds at most
/// while another process has it open.
///
/// # Errors
/// See [`OpenError`].
pub fn migrate(options: &SqliteOptions) -> Result<Vec<SchemaStep>, OpenError> {
    let path = &options.path;
    let Some(guard) = wait(path)? else {
        return schema(path);
    };
    let mut steps = schema(path)?;
    drop(open_guarded(options, guard)?);
    for step in &mut steps {
        if step.state == StepState::Pending {
            step.state = StepState::AppliedNow;
        }
    }
    Ok(steps)
}

/// The database to oneself; `None` when somebody else has it and its schema is up to date.
fn wait(path: &Path) -> Result<Option<Guard>, OpenError> {
    for _ in 0..ATTEMPTS {
        if let Some(guard) = take(path)? {
            return Ok(Some(guard));
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

/// A connection that only reads leaves an empty log behind where there was none; one that may write
/// takes it away again.
fn access(path: &Path) -> OpenFlags {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    if PathBuf::from(log).exists() {
        OpenFlags::SQLITE_OPEN_READ_ONLY
    } else {
        OpenFlags::SQLITE_OPEN_READ_WRITE
    }
}

/// All steps, of which those up to `newest` were taken.
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

/// The newest step that the database has taken, unless this version does not know it.
pub(crate) fn refuse_newer(connection: &Connection, path: &Path) -> Result<i64, OpenError> {
    let read = || -> rusqlite::Result<i64> {
        if !connection.table_exists(None, "refinery_schema_history")? {
            return Ok(0);
        }
        let newest = "SELECT coalesce(max(version), 0) FROM refinery_schema_history";
        connection.query_row(newest, [], |row| row.get(0))
    };
    let found = read().map_err(|error| refusal(path, error))?;
    let runner = embedded::migrations::runner();
    let versions = runner
        .get_migrations()
        .iter()
        .map(refinery::Migration::version);
    let known = i64::from(versions.max().unwrap_or_default());
    if found > known {
        return Err(OpenError::Newer {
            path: path.to_owned(),
            found,
            known,
        });
    }
    Ok(found)
}

pub(crate) fn up_to_date(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let migration = |error: refinery::Error| OpenError::Migration {
        path: path.to_owned(),
        source: error.into(),
    };
    let report = embedded::migrations::runner()
        .run(connection)
        .map_err(migration)?;
    for applied in report.applied_migrations() {
        tracing::info!(migration = %applied, "database schema changed");
    }
    Ok(())
}

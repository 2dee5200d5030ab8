//! `kanso-server migrate`: the schema of the database, shown or brought up to date.

use std::fmt::Write as _;
use std::io;
use std::sync::Arc;

use kanso_application::ports::schema::{SchemaStep, StepState};
use kanso_credentials::SystemEntropy;
use kanso_sqlite::SqliteOptions;

use crate::config::{Config, ConfigError, Database};
use crate::data_dir::DataDir;
use crate::wiring::fresh_epoch;

/// Why the schema cannot be told or brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The data folder cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The database cannot be opened.
    #[error(transparent)]
    Sqlite(#[from] kanso_sqlite::OpenError),
    /// The PostgreSQL database cannot be opened.
    #[error(transparent)]
    Postgres(#[from] kanso_postgres::OpenError),
    /// The program cannot wait for the database.
    #[error("cannot start the runtime")]
    Runtime(#[source] io::Error),
}

impl MigrateError {
    /// Whether another attempt may succeed though nobody changed anything.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Postgres(error) if error.is_passing())
    }
}

/// The steps of the schema, and which of them the configured database has taken. Changes nothing.
/// Blocks.
///
/// # Errors
/// What would keep a server from opening it, but for another having it open.
pub fn schema(config: &Config) -> Result<Vec<SchemaStep>, MigrateError> {
    match &config.database {
        Database::Sqlite(path) => Ok(kanso_sqlite::schema(path)?),
        Database::Postgres { url, .. } => Ok(runtime()?.block_on(kanso_postgres::schema(url))?),
    }
}

/// Brings the schema up to date and tells which steps that took. Blocks.
///
/// # Errors
/// What would keep a server from opening the database.
pub fn migrate(config: &Config) -> Result<Vec<SchemaStep>, MigrateError> {
    match &config.database {
        Database::Sqlite(path) => {
            DataDir::open(&config.data_dir)?;
            let options = SqliteOptions::new(path, fresh_epoch(Arc::new(SystemEntropy))());
            Ok(kanso_sqlite::migrate(&options)?)
        }
        Database::Postgres { url, .. } => Ok(runtime()?.block_on(kanso_postgres::migrate(url))?),
    }
}

/// Returns the oldest release whose servers may still be running on the configured database;
/// `None` outside of the mixed phase of an upgrade. SQLite has no mixed phase: one process has the
/// file open. Blocks.
///
/// # Errors
/// The database cannot be reached.
pub fn oldest_server(config: &Config) -> Result<Option<String>, MigrateError> {
    match &config.database {
        Database::Sqlite(_) => Ok(None),
        Database::Postgres { url, .. } => {
            Ok(runtime()?.block_on(kanso_postgres::oldest_server(url))?)
        }
    }
}

/// Ends the mixed phase of the configured database, whose schema is up to date. Returns the release
/// that it was kept for; `None` if there was no mixed phase. Blocks.
///
/// # Errors
/// The database cannot be reached or changed.
pub fn finish(config: &Config) -> Result<Option<String>, MigrateError> {
    match &config.database {
        Database::Sqlite(_) => Ok(None),
        Database::Postgres { url, .. } => {
            Ok(runtime()?.block_on(kanso_postgres::finish_mixed_phase(url))?)
        }
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, MigrateError> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().map_err(MigrateError::Runtime)
}

/// One line a step, and one that sums up.
pub fn report(database: &Database, steps: &[SchemaStep]) -> String {
    let mut report = format!("{database}\n");
    let mut now_applied = 0;
    let mut still_pending = 0;
    for SchemaStep {
        version,
        name,
        state,
    } in steps
    {
        let word = match state {
            StepState::Applied => "applied",
            StepState::AppliedNow => {
                now_applied += 1;
                "applied now"
            }
            StepState::Pending => {
                still_pending += 1;
                "pending"
            }
        };
        // Writing to a string cannot fail.
        let _ = writeln!(report, "{word:<11}  V{version}  {name}");
    }
    let sum = match (now_applied, still_pending) {
        (0, 0) => "The schema is up to date.".to_owned(),
        (applied, 0) => format!("The schema is up to date; {applied} of its steps are new."),
        (_, pending) => format!("{pending} pending; `kanso-server migrate` applies them."),
    };
    report.push_str(&sum);
    report.push('\n');
    report
}

/// The line that says that the mixed phase lasts, and how to end it.
pub fn mixed_phase_report(oldest_server: &str) -> String {
    format!(
        "Servers of {oldest_server} may still be running on this database: receipts get the form \
         that they read.\nOnce the last of them is stopped, `kanso-server migrate --finish` ends \
         this mixed phase.\n"
    )
}

/// The line that says what `migrate --finish` did, given the release that the mixed phase was kept
/// for.
pub fn finish_report(ended: Option<&str>) -> String {
    match ended {
        None => "There is no mixed phase to end.\n".to_owned(),
        Some(oldest_server) => format!(
            "The mixed phase with servers of {oldest_server} is over. Restart the servers: from \
             then on receipts get the present form.\n"
        ),
    }
}

/// Whether a step is still to be taken.
pub fn is_pending(steps: &[SchemaStep]) -> bool {
    steps.iter().any(|step| step.state == StepState::Pending)
}

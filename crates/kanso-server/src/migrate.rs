//! `kanso-server migrate`: reports or applies the steps of the database schema.

use std::fmt::Write as _;
use std::io;
use std::sync::Arc;

use kanso_application::ports::schema::{SchemaStep, StepState};
use kanso_credentials::SystemEntropy;
use kanso_sqlite::SqliteOptions;

use crate::config::{Config, ConfigError, DatabaseConfig};
use crate::data_dir::DataDir;
use crate::wiring::fresh_epoch;

/// Why the schema cannot be read or migrated.
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
    /// The asynchronous runtime cannot be started.
    #[error("cannot start the runtime")]
    Runtime(#[source] io::Error),
}

impl MigrateError {
    /// Returns true if another attempt can succeed without a change: PostgreSQL was unreachable.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Postgres(error) if error.is_passing())
    }
}

/// Returns the steps of the schema and their state in the configured database. Changes nothing.
/// Blocks.
///
/// # Errors
/// If a server could not open the database either. Another open server is not an error.
pub fn schema(config: &Config) -> Result<Vec<SchemaStep>, MigrateError> {
    match &config.database {
        DatabaseConfig::Sqlite(path) => Ok(kanso_sqlite::schema(path)?),
        DatabaseConfig::Postgres { url, .. } => {
            Ok(runtime()?.block_on(kanso_postgres::schema(url))?)
        }
    }
}

/// Applies the pending steps and returns all steps. Blocks.
///
/// # Errors
/// If a server could not open the database either.
pub fn migrate(config: &Config) -> Result<Vec<SchemaStep>, MigrateError> {
    match &config.database {
        DatabaseConfig::Sqlite(path) => {
            // Creates the folder (0700) that is to hold a new database file.
            DataDir::open(&config.data_dir)?;
            let options = SqliteOptions::new(path, fresh_epoch(Arc::new(SystemEntropy))());
            Ok(kanso_sqlite::migrate(&options)?)
        }
        DatabaseConfig::Postgres { url, .. } => {
            Ok(runtime()?.block_on(kanso_postgres::migrate(url))?)
        }
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
    // One connection and one statement at a time: no worker threads are needed.
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().map_err(MigrateError::Runtime)
}

/// Formats one line for each step, and a summary.
pub fn report(database: &DatabaseConfig, steps: &[SchemaStep]) -> String {
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
        (applied, 0) => format!("The schema is up to date; {applied} steps were applied now."),
        (_, pending) => format!("{pending} pending; `kanso-server migrate` applies them."),
    };
    report.push_str(&sum);
    report.push('\n');
    report
}

/// Returns true if a step is pending.
pub fn is_pending(steps: &[SchemaStep]) -> bool {
    steps.iter().any(|step| step.state == StepState::Pending)
}

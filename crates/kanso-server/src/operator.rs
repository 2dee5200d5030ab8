//! The commands of the operator: `kanso-server reset-password` and `kanso-server user`.
//!
//! They work beside a running server. Each is one short transaction on the same database, and a server keeps
//! no account and no session in memory, so it follows at the next request.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use kanso_application::Fault;
use kanso_application::accounts::Accounts;
use kanso_application::operator::Operator;
use kanso_application::ports::storage::{Storage, StorageError};
use kanso_credentials::{Argon2Passwords, Queue};
use kanso_domain::accounts::{Email, Password, PasswordError};
use kanso_sqlite::{SqliteOptions, SqliteStorage};

use crate::config::{Config, DatabaseConfig};
use crate::migrate::{self, MigrateError};
use crate::registration;
use crate::start::{StartError, StartOptions};
use crate::wiring::{close, fresh_epoch, open_storage};

mod quota;
mod user;

pub use quota::QuotaChange;
pub use user::{UserCommand, user};

/// Why a command of the operator failed. Nothing is changed then.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// The database cannot be opened.
    #[error(transparent)]
    Open(#[from] StartError),
    /// The schema of the database cannot be read.
    #[error(transparent)]
    Schema(#[from] MigrateError),
    /// The schema of the database is older than this program.
    #[error(
        "{database} has pending migrations; start the server once, or run `kanso-server migrate`"
    )]
    NotMigrated {
        /// Database.
        database: DatabaseConfig,
    },
    /// The asynchronous runtime cannot be started.
    #[error("cannot start the runtime")]
    Runtime(#[source] io::Error),
    /// The terminal or the standard input cannot be read.
    #[error("cannot read the input")]
    Unreadable(#[source] io::Error),
    /// The two typed passwords differ.
    #[error("the two passwords differ")]
    Mistyped,
    /// The password violates a rule, such as the minimum length.
    #[error("the password {0}")]
    Refused(PasswordError),
    /// The deletion was not confirmed.
    #[error("not deleted: answer yes, or add --yes")]
    NotConfirmed,
    /// The SQLite file does not exist.
    #[error("no database at {}; start the server once, or run `kanso-server migrate`", .0.display())]
    NoDatabase(PathBuf),
    /// No account has the e-mail address.
    #[error("no account in {database} has this e-mail address")]
    NoSuchAccount {
        /// Database that was searched.
        database: DatabaseConfig,
    },
    /// An account has the e-mail address already.
    #[error("an account with this e-mail address already exists")]
    EmailTaken,
    /// A bound of a quota cannot be read.
    #[error("--{option}: {problem}")]
    Bound {
        /// Option.
        option: &'static str,
        /// Description of the mistake.
        problem: String,
    },
    /// The output cannot be written.
    #[error("cannot write to standard output")]
    Unwritable(#[source] io::Error),
    /// The database or the password hashing failed.
    #[error(transparent)]
    Failed(#[from] Fault),
}

impl OperatorError {
    /// Returns true if another attempt can succeed without a change: the database was unreachable.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        match self {
            Self::Open(error) => error.is_passing(),
            Self::Schema(error) => error.is_passing(),
            Self::Failed(Fault::Storage(StorageError::Unavailable(_))) => true,
            _ => false,
        }
    }
}

/// Reads a new password: from a terminal twice and without echo, else from the first line of
/// standard input.
///
/// # Errors
/// If it cannot be read, the two inputs differ, or it violates a rule of passwords.
pub fn read_password(email: &Email) -> Result<Password, OperatorError> {
    let input = io::stdin();
    let mut text = String::new();
    if input.is_terminal() {
        let ask = |prompt| rpassword::prompt_password(prompt).map_err(OperatorError::Unreadable);
        text = ask("New password: ")?;
        if ask("Again: ")? != text {
            return Err(OperatorError::Mistyped);
        }
    } else {
        let read = input.lock().read_line(&mut text);
        read.map_err(OperatorError::Unreadable)?;
    }
    // Only the line end is removed: spaces belong to the password.
    let chosen = Password::choose_for(text.trim_end_matches(['\r', '\n']), Some(email));
    chosen.map_err(OperatorError::Refused)
}

/// Asks on the terminal whether to delete an account.
///
/// # Errors
/// [`OperatorError::NotConfirmed`] for any answer but `yes`, and without a terminal.
pub fn confirm_deletion(email: &Email) -> Result<(), OperatorError> {
    let input = io::stdin();
    if !input.is_terminal() {
        return Err(OperatorError::NotConfirmed);
    }
    let mut answer = String::new();
    let asked = write!(
        io::stderr(),
        "Delete the account {} with all of its records? Type yes: ",
        email.as_str()
    );
    let read = asked.and_then(|()| input.lock().read_line(&mut answer));
    read.map_err(OperatorError::Unreadable)?;
    if answer.trim() == "yes" {
        Ok(())
    } else {
        Err(OperatorError::NotConfirmed)
    }
}

/// Sets the password of an account and ends all of its sessions. Blocks.
///
/// # Errors
/// See [`OperatorError`].
pub fn reset_password(config: &Config, email: &Email, new: Password) -> Result<(), OperatorError> {
    with_storage(config, async |storage, options| {
        let hasher = hasher(options)?;
        let reset = Accounts::reset_password(&**storage, &hasher, email, new);
        found(config, reset.await?)
    })
}

/// Runs `work` on the database of the configuration, beside the servers that have it open.
fn with_storage<T>(
    config: &Config,
    work: impl AsyncFnOnce(&Arc<dyn Storage>, &StartOptions) -> Result<T, OperatorError>,
) -> Result<T, OperatorError> {
    let options = StartOptions::default();
    let runtime = tokio::runtime::Runtime::new().map_err(OperatorError::Runtime)?;
    // Opening PostgreSQL starts tasks and blocks on them, so it needs the runtime's context but must
    // not run inside `block_on`, where blocking again panics.
    let entered = runtime.enter();
    let storage = open_beside(config, &options)?;
    drop(entered);
    runtime.block_on(async {
        let done = work(&storage, &options).await;
        close(storage).await;
        done
    })
}

/// Opens the database, which a server may have open. Migrates nothing: a running server of an older version
/// must not find another schema because its operator has listed the accounts.
fn open_beside(config: &Config, options: &StartOptions) -> Result<Arc<dyn Storage>, OperatorError> {
    match &config.database {
        DatabaseConfig::Sqlite(path) => {
            // SQLite would create the file: a mistyped path must not leave an empty database behind.
            if !path.exists() {
                return Err(OperatorError::NoDatabase(path.clone()));
            }
            let fresh_epoch = fresh_epoch(Arc::clone(&options.entropy));
            let opened = SqliteStorage::open_beside(&SqliteOptions::new(path, fresh_epoch()));
            Ok(Arc::new(opened.map_err(StartError::from)?))
        }
        DatabaseConfig::Postgres { .. } => {
            if migrate::is_pending(&migrate::schema(config)?) {
                let database = config.database.clone();
                return Err(OperatorError::NotMigrated { database });
            }
            Ok(open_storage(&config.database, &options.entropy)?.0)
        }
    }
}

fn hasher(options: &StartOptions) -> Result<Argon2Passwords, OperatorError> {
    let entropy = Arc::clone(&options.entropy);
    let hasher = Argon2Passwords::new(options.hash_cost, Queue::for_this_machine(), entropy);
    Ok(hasher.map_err(StartError::Passwords)?)
}

fn commands(storage: &Arc<dyn Storage>, options: &StartOptions) -> Operator {
    registration::operator(storage, options)
}

fn found(config: &Config, is_found: bool) -> Result<(), OperatorError> {
    if is_found {
        return Ok(());
    }
    let database = config.database.clone();
    Err(OperatorError::NoSuchAccount { database })
}

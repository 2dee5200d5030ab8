//! `kanso-server reset-password`: sets a new password for an account.

use std::io::{self, BufRead as _, IsTerminal as _};
use std::path::PathBuf;
use std::sync::Arc;

use kanso_application::Fault;
use kanso_application::accounts::Accounts;
use kanso_application::ports::storage::StorageError;
use kanso_credentials::{Argon2Passwords, Queue};
use kanso_domain::accounts::{Email, Password, PasswordError};

use crate::config::{Config, ConfigError, DatabaseConfig};
use crate::data_dir::DataDir;
use crate::start::{StartError, StartOptions};
use crate::wiring::{close, open_storage};

/// Why a password was not reset.
#[derive(Debug, thiserror::Error)]
pub enum ResetError {
    /// The data folder cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The database cannot be opened. A SQLite database is locked while a server runs on it.
    #[error(transparent)]
    Open(#[from] StartError),
    /// The asynchronous runtime cannot be started.
    #[error("cannot start the runtime")]
    Runtime(#[source] io::Error),
    /// The password cannot be read.
    #[error("cannot read the password")]
    Unreadable(#[source] io::Error),
    /// The two typed passwords differ.
    #[error("the two passwords differ")]
    Mistyped,
    /// The password violates a rule, such as the minimum length.
    #[error("the password {0}")]
    Refused(PasswordError),
    /// The SQLite file does not exist.
    #[error("no database at {}", .0.display())]
    NoDatabase(PathBuf),
    /// No account has the e-mail address.
    #[error("no account in {database} has this e-mail address")]
    NoSuchAccount {
        /// Database that was searched.
        database: DatabaseConfig,
    },
    /// The database or the password hashing failed.
    #[error(transparent)]
    Failed(#[from] Fault),
}

impl ResetError {
    /// Returns true if another attempt can succeed without a change: the database was unreachable.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        match self {
            Self::Open(error) => error.is_passing(),
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
pub fn read_password(email: &Email) -> Result<Password, ResetError> {
    let input = io::stdin();
    let mut text = String::new();
    if input.is_terminal() {
        let ask = |prompt| rpassword::prompt_password(prompt).map_err(ResetError::Unreadable);
        text = ask("New password: ")?;
        if ask("Again: ")? != text {
            return Err(ResetError::Mistyped);
        }
    } else {
        let read = input.lock().read_line(&mut text);
        read.map_err(ResetError::Unreadable)?;
    }
    // Only the line end is removed: spaces belong to the password.
    let chosen = Password::choose_for(text.trim_end_matches(['\r', '\n']), Some(email));
    chosen.map_err(ResetError::Refused)
}

/// Sets the password of an account and ends all of its sessions. Blocks.
///
/// # Errors
/// See [`ResetError`]. Nothing is changed then.
pub fn reset_password(config: &Config, email: &Email, new: Password) -> Result<(), ResetError> {
    if let DatabaseConfig::Sqlite(path) = &config.database {
        // SQLite would create the file: a mistyped path must not leave an empty database behind.
        if !path.exists() {
            return Err(ResetError::NoDatabase(path.clone()));
        }
        DataDir::open(&config.data_dir)?;
    }
    let options = StartOptions::default();
    let runtime = tokio::runtime::Runtime::new().map_err(ResetError::Runtime)?;
    // Opening PostgreSQL starts tasks and blocks on them, so it needs the runtime's context but must
    // not run inside `block_on`, where blocking again panics.
    let entered = runtime.enter();
    // SQLite refuses here while a server holds its lock. On PostgreSQL servers may run: the change is
    // one transaction, and it ends the sessions that they would accept.
    let (storage, _) = open_storage(&config.database, &options.entropy)?;
    drop(entered);
    runtime.block_on(async {
        let entropy = Arc::clone(&options.entropy);
        let passwords = Argon2Passwords::new(options.hash_cost, Queue::for_this_machine(), entropy);
        let passwords = passwords.map_err(StartError::Passwords)?;
        let reset = Accounts::reset_password(&*storage, &passwords, email, new).await;
        // Closed in any case: SQLite merges its write-ahead log into the file.
        close(storage).await;
        if reset? {
            Ok(())
        } else {
            let database = config.database.clone();
            Err(ResetError::NoSuchAccount { database })
        }
    })
}

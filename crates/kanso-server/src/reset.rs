//! `kanso-server reset-password`: for somebody who has forgotten theirs.

use std::io::{self, BufRead as _, IsTerminal as _};
use std::path::PathBuf;
use std::sync::Arc;

use kanso_application::Fault;
use kanso_application::accounts::Accounts;
use kanso_application::ports::storage::StorageError;
use kanso_credentials::{Argon2Passwords, Queue};
use kanso_domain::accounts::{Email, Password, PasswordError};

use crate::config::{Config, ConfigError, Database};
use crate::data_dir::DataDir;
use crate::start::{Parts, StartError};
use crate::wiring::{close, open_storage};

/// Why a password was not reset.
#[derive(Debug, thiserror::Error)]
pub enum ResetError {
    /// The data folder cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The database cannot be opened; SQLite's can only be while no server runs on it.
    #[error(transparent)]
    Open(#[from] StartError),
    /// The program cannot wait for the database.
    #[error("cannot start the runtime")]
    Runtime(#[source] io::Error),
    /// The password cannot be read.
    #[error("cannot read the password")]
    Unreadable(#[source] io::Error),
    /// It was typed twice, and not alike.
    #[error("the two passwords are not the same")]
    Mistyped,
    /// The password cannot be one.
    #[error("the password {0}")]
    Refused(PasswordError),
    /// Where a SQLite database should be is none.
    #[error("no database at {}", .0.display())]
    NoDatabase(PathBuf),
    /// Nobody registered with this address.
    #[error("no account in {database} has this e-mail address")]
    NoSuchAccount {
        /// Where it was looked for.
        database: Database,
    },
    /// The database, or the hashing of the password, failed.
    #[error(transparent)]
    Failed(#[from] Fault),
}

impl ResetError {
    /// Whether another attempt may succeed though nobody changed anything.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        match self {
            Self::Open(error) => error.is_passing(),
            Self::Failed(Fault::Storage(StorageError::Unavailable(_))) => true,
            _ => false,
        }
    }
}

/// The password that somebody types, twice and unseen, or else the first line of standard input.
///
/// # Errors
/// It cannot be read, or cannot be a password.
pub fn read_password() -> Result<Password, ResetError> {
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
    let chosen = Password::choose(text.trim_end_matches(['\r', '\n']));
    chosen.map_err(ResetError::Refused)
}

/// Gives an account another password and ends all of its sessions. Blocks.
///
/// # Errors
/// See [`ResetError`]; nothing is changed then.
pub fn reset_password(config: &Config, email: &Email, new: Password) -> Result<(), ResetError> {
    if let Database::Sqlite(path) = &config.database {
        if !path.exists() {
            return Err(ResetError::NoDatabase(path.clone()));
        }
        DataDir::open(&config.data_dir)?;
    }
    let parts = Parts::default();
    let runtime = tokio::runtime::Runtime::new().map_err(ResetError::Runtime)?;
    let entered = runtime.enter();
    let (storage, _) = open_storage(&config.database, &parts.entropy)?;
    drop(entered);
    runtime.block_on(async {
        let entropy = Arc::clone(&parts.entropy);
        let passwords = Argon2Passwords::new(parts.hash_cost, Queue::for_this_machine(), entropy);
        let passwords = passwords.map_err(StartError::Passwords)?;
        let reset = Accounts::reset_password(&*storage, &passwords, email, new).await;
        close(storage).await;
        if reset? {
            Ok(())
        } else {
            let database = config.database.clone();
            Err(ResetError::NoSuchAccount { database })
        }
    })
}

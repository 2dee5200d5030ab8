//! What goes wrong inside, and which of the port's errors it is.

use std::fmt::Display;
use std::sync::Arc;

use kanso_application::ports::storage::StorageError;
use kanso_domain::Version;
use rusqlite::ErrorCode;

use crate::measure;

/// Why a call failed.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// SQLite failed, or a column holds what its type cannot.
    #[error("sqlite failed")]
    Sqlite(#[source] Arc<rusqlite::Error>),
    /// The rows contradict each other, or what is to be stored contradicts them.
    #[error("{0}")]
    Impossible(String),
    /// The batch that the write was part of was not committed.
    #[error("the transaction was not committed")]
    NotCommitted(#[source] Arc<rusqlite::Error>),
    /// The storage was closed.
    #[error("the storage is closed")]
    Closed,
    /// No connection could be had.
    #[error("no connection to read with: {0}")]
    NoReader(String),
    /// A reader kept the write-ahead log from being emptied.
    #[error("the write-ahead log is in use")]
    LogInUse,
    /// The work panicked.
    #[error("the work on the database panicked")]
    Panicked,
}

impl Failure {
    /// A record that was to be stored does not follow the stored one.
    pub(crate) fn stale(kind: &str, id: impl Display, replaces: Option<Version>) -> Self {
        let expected = replaces.map_or("new".to_owned(), |version| format!("at version {version}"));
        Self::Impossible(format!("{kind} {id} is not {expected}"))
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(Arc::new(error))
    }
}

impl From<Failure> for StorageError {
    fn from(failure: Failure) -> Self {
        let error = told(failure);
        measure::failed(&error);
        error
    }
}

fn told(failure: Failure) -> StorageError {
    use StorageError::{Corrupt, Unavailable};
    match &failure {
        Failure::Sqlite(error) if is_corruption(error) => Corrupt(failure.into()),
        Failure::Impossible(_) | Failure::Panicked => Corrupt(failure.into()),
        Failure::Sqlite(_)
        | Failure::NotCommitted(_)
        | Failure::Closed
        | Failure::LogInUse
        | Failure::NoReader(_) => Unavailable(failure.into()),
    }
}

/// Whether an error shows that the data is wrong, rather than that the machine is.
///
/// What a user can cause breaks no constraint: the statements allow for it. A broken constraint
/// means that a changeset or the data is not what it must be.
fn is_corruption(error: &rusqlite::Error) -> bool {
    use rusqlite::Error::{
        FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, QueryReturnedNoRows,
        Utf8Error,
    };
    match error {
        FromSqlConversionFailure(..)
        | IntegralValueOutOfRange(..)
        | InvalidColumnType(..)
        | Utf8Error(..)
        | QueryReturnedNoRows => true,
        error => matches!(
            error.sqlite_error_code(),
            Some(
                ErrorCode::DatabaseCorrupt
                    | ErrorCode::NotADatabase
                    | ErrorCode::ConstraintViolation
                    | ErrorCode::TypeMismatch
            )
        ),
    }
}

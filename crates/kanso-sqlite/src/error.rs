//! Errors of this crate and how they map to the port's error.

use std::fmt::Display;
use std::sync::Arc;

use kanso_application::ports::storage::StorageError;
use kanso_domain::Version;
use rusqlite::ErrorCode;

use crate::held_files::{Damage, FileLoss};
use crate::measure;

/// Error of a call. `Clone`, because all writes of a batch share its error.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum DatabaseError {
    /// SQLite failed, or a column holds an invalid value.
    #[error("sqlite failed")]
    Sqlite(#[source] Arc<rusqlite::Error>),
    /// Stored rows contradict each other or the write.
    #[error("{0}")]
    Impossible(String),
    /// The batch of the write was not committed.
    #[error("the transaction was not committed")]
    NotCommitted(#[source] Arc<rusqlite::Error>),
    /// The storage was closed.
    #[error("the storage is closed")]
    Closed,
    /// The pool has no connection.
    #[error("no connection for reading: {0}")]
    NoReader(String),
    /// The write-ahead log cannot be emptied, because a reader uses it.
    #[error("the write-ahead log is in use")]
    LogInUse,
    /// The path of the database no longer leads to the open file.
    #[error("{0}")]
    FileLost(FileLoss),
    /// The check found damage.
    #[error("{0}")]
    Damaged(Damage),
    /// The work panicked.
    #[error("a database task panicked")]
    Panicked,
}

impl DatabaseError {
    /// Makes the error of a write whose replaced version is not the stored one.
    pub(crate) fn stale(kind: &str, id: impl Display, replaces: Option<Version>) -> Self {
        let expected = replaces.map_or("new".to_owned(), |version| format!("at version {version}"));
        Self::Impossible(format!("{kind} {id} is not {expected}"))
    }
}

impl From<rusqlite::Error> for DatabaseError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(Arc::new(error))
    }
}

impl From<DatabaseError> for StorageError {
    fn from(error: DatabaseError) -> Self {
        let error = storage_error(error);
        measure::failed(&error);
        error
    }
}

fn storage_error(error: DatabaseError) -> StorageError {
    use StorageError::{Corrupt, Unavailable};
    match &error {
        DatabaseError::Sqlite(cause) if is_corruption(cause) => Corrupt(error.into()),
        DatabaseError::Impossible(_) | DatabaseError::Damaged(_) | DatabaseError::Panicked => {
            Corrupt(error.into())
        }
        DatabaseError::Sqlite(_)
        | DatabaseError::NotCommitted(_)
        | DatabaseError::Closed
        | DatabaseError::LogInUse
        | DatabaseError::FileLost(_)
        | DatabaseError::NoReader(_) => Unavailable(error.into()),
    }
}

/// Returns true if an error shows that the data is wrong, rather than the machine.
///
/// A user cannot cause a constraint violation: the statements handle every such case. So one means
/// that a changeset or the stored data is invalid.
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
        // Every optional row is read with `optional()`, so a missing one contradicts the schema.
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

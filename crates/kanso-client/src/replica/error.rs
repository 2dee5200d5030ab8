//! Errors of the local database.

use std::io;
use std::path::PathBuf;

use rusqlite::ErrorCode;

/// The local database failed. Data that was committed before is not affected.
#[derive(Debug, thiserror::Error)]
pub enum ReplicaError {
    /// The file cannot be created, read or written.
    #[error("cannot open the replica {}", .path.display())]
    Inaccessible {
        /// The file or its folder.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
    /// The file is not a Kanso replica.
    #[error("{} is not a Kanso replica", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a newer version of this library.
    #[error("the replica {} was written by a newer version; update this program", .path.display())]
    Newer {
        /// The file.
        path: PathBuf,
    },
    /// The database holds a value that this library never writes. A sync with
    /// [`verify`](crate::SyncOptions::verify) repairs the records that the server has.
    #[error("the replica on this device is damaged: {what}")]
    Damaged {
        /// The invalid value.
        what: String,
    },
    /// The client was called from inside the closure of its own transaction. Use the `Edits` that
    /// the closure receives instead.
    #[error("the client is inside a transaction; use the edits passed to the closure")]
    InTransaction,
    /// The file or its folder is read-only. Reads work, edits and syncs do not.
    #[error("cannot write the replica: its file or its folder is read-only")]
    ReadOnly,
    /// The file is empty, cut off or damaged in a way that hides its records. [`salvage`] sets it
    /// aside.
    ///
    /// [`salvage`]: crate::salvage
    #[error("the file of the replica on this device is damaged: {what}")]
    Broken {
        /// Description of the damage.
        what: String,
    },
    /// SQLite or the disk failed.
    #[error("the replica cannot be read or written")]
    Storage {
        /// Cause of the failure.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl ReplicaError {
    pub(crate) fn damaged(what: impl std::fmt::Display) -> Self {
        Self::Damaged {
            what: what.to_string(),
        }
    }
}

impl From<rusqlite::Error> for ReplicaError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error as Cause;
        match error {
            // The value has another type than this library writes, so its bytes have changed. As
            // `Damaged`, the error starts a check of all rows at the next sync; as `Storage` it
            // would fail every sync for good.
            Cause::FromSqlConversionFailure(..)
            | Cause::InvalidColumnType(..)
            | Cause::Utf8Error(..)
            | Cause::IntegralValueOutOfRange(..) => Self::damaged(error),
            _ => match error.sqlite_error_code() {
                Some(ErrorCode::ReadOnly) => Self::ReadOnly,
                Some(ErrorCode::DatabaseCorrupt) => Self::Broken {
                    what: error.to_string(),
                },
                _ => Self::Storage {
                    source: error.into(),
                },
            },
        }
    }
}

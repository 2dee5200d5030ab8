//! What can go wrong with the store.

use std::io;
use std::path::PathBuf;

/// The store failed. Nothing that was acknowledged before is lost by it.
#[derive(Debug, thiserror::Error)]
pub enum ReplicaError {
    /// The file cannot be made, read or written.
    #[error("cannot open the replica {}", .path.display())]
    Inaccessible {
        /// The file or its folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file is something else.
    #[error("{} is not a Kanso replica", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A newer version wrote it.
    #[error("the replica {} was written by a newer version; update this program", .path.display())]
    Newer {
        /// The file.
        path: PathBuf,
    },
    /// It holds what this version never writes.
    #[error("the replica is damaged: {what}")]
    Damaged {
        /// What was found.
        what: String,
    },
    /// The client was asked for something by a closure that it was running itself in a transaction.
    /// What the closure is handed can do that.
    #[error("a transaction is not over yet; inside it, use what it hands in")]
    InTransaction,
    /// SQLite or the disk failed.
    #[error("the replica cannot be read or written")]
    Storage {
        /// What went wrong.
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
            // A value that is not of the kind that was written.
            Cause::FromSqlConversionFailure(..)
            | Cause::InvalidColumnType(..)
            | Cause::Utf8Error(..)
            | Cause::IntegralValueOutOfRange(..) => Self::damaged(error),
            _ => Self::Storage {
                source: error.into(),
            },
        }
    }
}

//! A copy of a database while others use it.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use crate::open::{OpenError, check};

/// Why there is no backup. What was begun of it is removed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The database cannot be read, or the copy of it is not sound.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The copy cannot be written.
    #[error("cannot write {}", .path.display())]
    Inaccessible {
        /// The copy.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// SQLite could not make the copy.
    #[error("cannot copy the database to {}", .path.display())]
    Sqlite {
        /// The copy.
        path: PathBuf,
        /// What went wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Writes a copy of the database at `from` to the new file `to`, which only its owner can read:
/// one consistent state, compact and checked, while a server may be writing. Blocks.
///
/// # Errors
/// See [`BackupError`]; a file that exists is never written over.
pub fn backup(from: &Path, to: &Path) -> Result<(), BackupError> {
    check(from)?;
    let inaccessible = |source| BackupError::Inaccessible {
        path: to.to_owned(),
        source,
    };
    create_private(to).map_err(inaccessible)?;
    let copied = copy(from, to);
    if copied.is_err() {
        // It is ours: it was not there before.
        let _ = std::fs::remove_file(to);
    }
    copied
}

fn copy(from: &Path, to: &Path) -> Result<(), BackupError> {
    let failed = |error: rusqlite::Error| BackupError::Sqlite {
        path: to.to_owned(),
        source: error.into(),
    };
    let target = to.to_str().ok_or_else(|| BackupError::Inaccessible {
        path: to.to_owned(),
        source: io::Error::from(io::ErrorKind::InvalidFilename),
    })?;
    // Without OPEN_URI: a path that begins with `file:` is a path.
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(from, flags).map_err(failed)?;
    // It may write to an empty file, so the file keeps the mode that it was made with.
    connection
        .execute("VACUUM INTO ?1", [target])
        .map_err(failed)?;
    check(to)?;
    let synced = OpenOptions::new()
        .read(true)
        .open(to)
        .and_then(|file| file.sync_all());
    synced.map_err(|source| BackupError::Inaccessible {
        path: to.to_owned(),
        source,
    })
}

fn create_private(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

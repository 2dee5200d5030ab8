//! Backup of a database while a server uses it.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::OpenFlags;

use crate::open::{OpenError, check, connect_to_read};

/// Error of a backup. An incomplete copy is removed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The database cannot be read, or the copy is damaged.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The copy cannot be written.
    #[error("cannot write {}", .path.display())]
    Inaccessible {
        /// Path of the copy.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
    /// SQLite cannot write the copy.
    #[error("cannot copy the database to {}", .path.display())]
    Sqlite {
        /// Path of the copy.
        path: PathBuf,
        /// Cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Writes a copy of the database at `from` to the new file `to`, which only its owner can read. The
/// copy is one consistent state, compact and checked; a server may write meanwhile. Blocks.
///
/// # Errors
/// See [`BackupError`]. An existing file is never overwritten.
pub fn backup(from: &Path, to: &Path) -> Result<(), BackupError> {
    // A damaged database is refused: otherwise good backups would be replaced by damaged ones.
    check(from)?;
    let inaccessible = |source| BackupError::Inaccessible {
        path: to.to_owned(),
        source,
    };
    create_private(to).map_err(inaccessible)?;
    let copied = copy(from, to);
    if copied.is_err() {
        // Safe to remove: `create_private` has created it.
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
    let connection = connect_to_read(from, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    // VACUUM INTO reads one snapshot, so it does not block the writer, and it leaves out free pages.
    // It accepts an existing file if that is empty, which keeps the private mode of the file.
    connection
        .execute("VACUUM INTO ?1", [target])
        .map_err(failed)?;
    check(to)?;
    // VACUUM INTO does not flush. A backup that is reported must survive a power failure.
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

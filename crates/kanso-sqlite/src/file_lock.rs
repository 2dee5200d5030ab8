//! The lock that lets one process at a time open a database.
//!
//! Two servers on one file would notify only their own devices of changes, and each keep a count of
//! commits for the witness. SQLite's own locks last a transaction; this one lasts as long as the
//! database is open. It is an advisory lock of the operating system on a file beside the database, so
//! it ends with the process, also after a crash. The file itself stays.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// The lock, held until it is dropped.
#[derive(Debug)]
pub(crate) struct FileLock {
    _file: File,
}

impl FileLock {
    /// Acquires the lock of the database at `path`; `None` if another process holds it.
    pub(crate) fn acquire(path: &Path) -> io::Result<Option<Self>> {
        let file = open_private(&lock_path(path))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

fn lock_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

/// Opens a file. A new one is readable by its owner only. SQLite gives the log and the shared memory
/// the mode of the database file, so it is enough to create that one here.
pub(crate) fn open_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

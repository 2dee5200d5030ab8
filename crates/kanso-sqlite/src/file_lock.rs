//! One process a database.
//!
//! Two servers on one file would each believe that the order of changes is theirs to allocate.
//! SQLite's own locks last a transaction; this one lasts as long as the database is open. It is
//! an advisory lock of the operating system on a file beside the database, so it goes with the
//! process however that ends, and nothing is left to clean up. The file itself stays.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// Holds the lock as long as it lives.
#[derive(Debug)]
pub(crate) struct Guard {
    _locked: File,
}

impl Guard {
    /// Takes the lock of the database at `path`; `None` when somebody else holds it.
    pub(crate) fn take(path: &Path) -> io::Result<Option<Self>> {
        let file = open_private(&lock_path(path))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _locked: file })),
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

/// Opens a file, making it readable by its owner alone if it is new. SQLite gives the files
/// beside a database the mode of the database.
pub(crate) fn open_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

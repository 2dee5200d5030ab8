//! The lock that lets one server at a time open a database. The commands of the operator do without it: they
//! notify no device, and count no commit.
//!
//! Two servers on one file would notify only their own devices of changes, and each keep a count of
//! commits for the witness. SQLite's own locks last a transaction; this one lasts as long as the
//! database is open. It is an advisory lock of the operating system on a file beside the database, so
//! it ends with the process, also after a crash. The file itself stays.
//!
//! A symbolic link leads to the lock beside the file that it stands for. A hard link in another
//! folder does not, so on Linux the database file is locked too.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// The lock, held until it is dropped.
//
// Closing any descriptor of a file ends the locks that SQLite holds on it in this process. So this
// value must be dropped after the last connection.
#[derive(Debug)]
pub(crate) struct FileLock {
    _beside: File,
    _database: File,
}

impl FileLock {
    /// Acquires the lock of the database at `path`, and creates the file if it does not exist; `None`
    /// if another process holds the lock.
    pub(crate) fn acquire(path: &Path) -> io::Result<Option<Self>> {
        // First the lock beside the file: while another part of this process holds it, the database
        // file must not be opened and closed here.
        let beside = open_private(&beside(&real_path(path), ".lock"))?;
        if !lock(&beside)? {
            return Ok(None);
        }
        // Created here, before SQLite would create it with the umask of the process.
        let database = open_private(path)?;
        Ok(lock_inode(&database).then_some(Self {
            _beside: beside,
            _database: database,
        }))
    }
}

fn lock(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Locks the database file itself; returns false if another process holds the lock.
//
// Linux keeps this kind of lock (flock) apart from those of SQLite (fcntl). On other systems the two
// exclude each other, and SQLite could not read the file.
#[cfg(target_os = "linux")]
fn lock_inode(database: &File) -> bool {
    // An error means a file system without such locks. The lock beside the file protects every path
    // but a hard link.
    lock(database).unwrap_or(true)
}

#[cfg(not(target_os = "linux"))]
const fn lock_inode(_: &File) -> bool {
    true
}

/// Returns the path without symbolic links. The file may not exist yet.
pub(crate) fn real_path(path: &Path) -> PathBuf {
    let resolved = std::fs::canonicalize(path).or_else(|_| {
        let folder = path.parent().filter(|folder| *folder != Path::new(""));
        let folder = std::fs::canonicalize(folder.unwrap_or(Path::new(".")))?;
        Ok::<_, io::Error>(folder.join(path.file_name().unwrap_or_default()))
    });
    // A folder that cannot be resolved cannot be opened either, and that error names the path.
    resolved.unwrap_or_else(|_| path.to_owned())
}

/// Returns the path of the file with the name of `path` and `suffix` after it.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
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

//! The files that an open database consists of, compared with those that its paths lead to.
//!
//! A backup that is copied over the database, a clean-up that deletes it or a tool that moves it
//! leaves the open file without a name. SQLite goes on writing to it, and no later start opens it
//! again. So the paths are compared with the open files after each commit and before its answers, and
//! every second while nothing is written.

use std::fmt;
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use crate::error::DatabaseError;
use crate::file_lock::{beside, real_path};

/// The files of an open database, each with its identity.
#[derive(Debug)]
pub(crate) struct HeldFiles {
    files: Vec<(PathBuf, FileIdentity)>,
    /// Result of the newest comparison.
    loss: Mutex<Option<FileLoss>>,
    /// True if there is a loss. A read looks at it without the mutex.
    is_lost: AtomicBool,
    /// The damage that the check of a large database found.
    damage: OnceLock<Damage>,
}

/// Damage of the database file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Damage {
    path: PathBuf,
    /// The first problem.
    problem: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        write!(
            f,
            "the database {path} is damaged, restore a backup: {}",
            self.problem
        )
    }
}

/// Values that distinguish a file from every other one that exists at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileIdentity {
    device: u64,
    inode: u64,
    /// Nanoseconds since 1970 at which the file was created; only where there are no inodes.
    created: u128,
}

/// The way in which a path no longer leads to the open file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileLoss {
    path: PathBuf,
    kind: LossKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LossKind {
    Missing,
    Replaced,
    Unreadable(io::ErrorKind),
}

impl fmt::Display for FileLoss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match self.kind {
            LossKind::Missing => write!(f, "{path} was moved or deleted while it was open"),
            LossKind::Replaced => write!(f, "{path} was replaced while it was open"),
            LossKind::Unreadable(kind) => {
                write!(f, "{path} can no longer be looked at ({kind})")
            }
        }
    }
}

impl HeldFiles {
    /// Notes the files of the database at `path`, which has been opened and written to.
    pub(crate) fn note(path: &Path) -> io::Result<Self> {
        let database = FileIdentity::of(&std::fs::metadata(path)?);
        // The path as it was given: a symbolic link that is pointed elsewhere is a replacement too.
        let mut files = vec![(path.to_owned(), database)];
        // SQLite follows symbolic links before it names the other files.
        let real = real_path(path);
        for suffix in ["-wal", "-shm"] {
            let path = beside(&real, suffix);
            // The shared memory has no file on some systems.
            if let Ok(found) = std::fs::metadata(&path) {
                files.push((path, FileIdentity::of(&found)));
            }
        }
        Ok(Self {
            files,
            loss: Mutex::default(),
            is_lost: AtomicBool::new(false),
            damage: OnceLock::new(),
        })
    }

    /// Makes every further call fail, because the file is damaged.
    pub(crate) fn report_damage(&self, path: PathBuf, problem: String) {
        let damage = self.damage.get_or_init(|| Damage { path, problem });
        tracing::error!("{damage}; no request is answered from now on");
    }

    fn refuse_damaged(&self) -> Result<(), DatabaseError> {
        let damage = self.damage.get().cloned();
        damage.map_or(Ok(()), |damage| Err(DatabaseError::Damaged(damage)))
    }

    /// Compares the paths with the open files.
    ///
    /// # Errors
    /// [`DatabaseError::FileLost`] as long as a path leads to another file or to none, and
    /// [`DatabaseError::Damaged`] if the file is damaged.
    pub(crate) fn check(&self) -> Result<(), DatabaseError> {
        self.refuse_damaged()?;
        // Compared under the lock, so that an older result never replaces a newer one.
        let mut known = self.loss.lock().unwrap_or_else(PoisonError::into_inner);
        let found = self.files.iter().find_map(loss);
        match (&*known, &found) {
            (None, Some(loss)) => tracing::error!(
                %loss,
                "the database file is lost: no request is answered, because the next start would \
                 not find this file; put the same file back, or read `A lost database file` in \
                 docs/operations.md before you stop the server"
            ),
            (Some(_), None) => {
                tracing::warn!("the database file is back: reads and writes are answered again");
            }
            (None, None) | (Some(_), Some(_)) => {}
        }
        self.is_lost.store(found.is_some(), Ordering::Release);
        known.clone_from(&found);
        found.map_or(Ok(()), |loss| Err(DatabaseError::FileLost(loss)))
    }

    /// Fails if the newest comparison found a loss, or the check damage.
    pub(crate) fn refuse_lost(&self) -> Result<(), DatabaseError> {
        self.refuse_damaged()?;
        if self.is_lost.load(Ordering::Acquire) {
            // Compared again: the file may be back since.
            return self.check();
        }
        Ok(())
    }
}

fn loss((path, held): &(PathBuf, FileIdentity)) -> Option<FileLoss> {
    let kind = match std::fs::metadata(path) {
        Ok(found) if FileIdentity::of(&found) == *held => return None,
        Ok(_) => LossKind::Replaced,
        Err(error) if error.kind() == io::ErrorKind::NotFound => LossKind::Missing,
        // An answer must not depend on a file that cannot be found again.
        Err(error) => LossKind::Unreadable(error.kind()),
    };
    let path = path.clone();
    Some(FileLoss { path, kind })
}

impl FileIdentity {
    #[cfg(unix)]
    fn of(found: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        // An inode is not given to another file while this process has it open.
        Self {
            device: found.dev(),
            inode: found.ino(),
            created: 0,
        }
    }

    #[cfg(not(unix))]
    fn of(found: &Metadata) -> Self {
        Self {
            device: 0,
            inode: 0,
            created: created_at(found),
        }
    }
}

/// Returns the time at which a file was created, in nanoseconds since 1970; 0 if it is unknown.
pub(crate) fn created_at(found: &Metadata) -> u128 {
    let created = found.created().ok();
    let created = created.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
    created.map_or(0, |since| since.as_nanos())
}

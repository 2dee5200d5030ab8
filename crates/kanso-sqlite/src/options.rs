//! Options for opening a database.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use kanso_domain::sync::Epoch;

/// Threads on which the storage runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Executor {
    /// Writes run on a thread of their own, reads on the blocking threads of the caller's Tokio
    /// runtime.
    #[default]
    Threaded,
    /// Everything runs inside the call, for a simulation that must not depend on how threads are
    /// scheduled. Needs no runtime.
    Inline,
}

/// Options for opening a database.
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    /// Path of the database file. It is created if it does not exist; its folder must exist.
    pub path: PathBuf,
    /// Random epoch for a new database, or for a copy that was restored. Otherwise the stored epoch is
    /// used.
    pub fresh_epoch: Epoch,
    /// Threads on which the storage runs.
    pub executor: Executor,
    /// Maximum number of connections that read at the same time.
    pub readers: NonZeroUsize,
    /// Maximum size of the file in pages of 4 KiB; `None` for no limit but the disk.
    pub max_pages: Option<u32>,
    /// Length in bytes up to which a database is checked for damage before it is opened. A longer one
    /// is checked while it is in use.
    pub checked_first: u64,
}

impl SqliteOptions {
    /// Returns the default options: threads, four readers, no limit but the disk.
    pub fn new(path: impl Into<PathBuf>, fresh_epoch: Epoch) -> Self {
        const READERS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(3);
        // Less than a second on a slow disk.
        const CHECKED_FIRST: u64 = 32 * 1024 * 1024;
        Self {
            path: path.into(),
            fresh_epoch,
            executor: Executor::default(),
            readers: READERS,
            max_pages: None,
            checked_first: CHECKED_FIRST,
        }
    }
}

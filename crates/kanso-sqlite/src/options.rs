//! How a database is opened.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use kanso_domain::sync::Epoch;

/// Where the work is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Executor {
    /// Writes on a thread of their own, reads on the blocking threads of the Tokio runtime that
    /// the call is made in.
    #[default]
    Threaded,
    /// Everything inside the call, on its own thread, for a simulation that must not depend on
    /// how threads are scheduled. Needs no runtime.
    Inline,
}

/// How a database is opened.
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    /// The database file; made when it does not exist, in a folder that does.
    pub path: PathBuf,
    /// The epoch of the database if it is made now, or if a copy was put in its place; else the
    /// stored one counts. Random.
    pub fresh_epoch: Epoch,
    /// Where the work is done.
    pub executor: Executor,
    /// The most connections that read at the same time.
    pub readers: NonZeroUsize,
    /// The most pages of 4 KiB that the file may grow to; none for as many as the disk holds.
    pub max_pages: Option<u32>,
}

impl SqliteOptions {
    /// The usual way: threads, four readers, no limit but the disk's.
    pub fn new(path: impl Into<PathBuf>, fresh_epoch: Epoch) -> Self {
        const READERS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(3);
        Self {
            path: path.into(),
            fresh_epoch,
            executor: Executor::default(),
            readers: READERS,
            max_pages: None,
        }
    }
}

//! The database file, its copies, and putting one of them back.

use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};

use anyhow::Context as _;
use kanso_application::ports::storage::Storage as _;
use kanso_domain::sync::Epoch;
use kanso_sqlite::{Executor, SqliteOptions, SqliteStorage};
use tempfile::TempDir;

use crate::chance::Chance;

/// A folder with the database, and who has it open.
#[derive(Debug)]
pub struct SqliteStore {
    folder: TempDir,
    epochs: Chance,
    copies: u32,
    open: Option<Arc<SqliteStorage>>,
}

impl SqliteStore {
    /// A folder with an empty database. In memory where the machine has such a place: what is
    /// tested here is not the flush.
    pub fn new(epochs: Chance) -> anyhow::Result<Self> {
        let folder = in_memory()?;
        std::fs::write(folder.path().join("kanso.db"), blank()?)?;
        Ok(Self {
            folder,
            epochs,
            copies: 0,
            open: None,
        })
    }

    /// The storage, opened if it is not.
    pub fn storage(&mut self) -> anyhow::Result<Arc<SqliteStorage>> {
        if let Some(storage) = &self.open {
            return Ok(Arc::clone(storage));
        }
        let fresh = Epoch::new(self.epochs.between(1, u64::MAX));
        let storage = Arc::new(open(&self.path(), fresh)?);
        self.open = Some(Arc::clone(&storage));
        Ok(storage)
    }

    /// Closes it. Whoever still has the storage gets nothing more from it.
    pub async fn close(&mut self) -> anyhow::Result<()> {
        match self.open.take() {
            Some(storage) => storage.close().await.context("closing the database"),
            None => Ok(()),
        }
    }

    /// Makes a copy beside the database; answers with its number.
    pub fn back_up(&mut self) -> anyhow::Result<u32> {
        let number = self.copies + 1;
        kanso_sqlite::backup(&self.path(), &self.copy_path(number))?;
        self.copies = number;
        Ok(number)
    }

    /// Puts a copy in the place of the database, which nobody has open.
    pub fn restore(&mut self, copy: u32) -> anyhow::Result<()> {
        let path = self.path();
        for suffix in ["-wal", "-shm"] {
            let beside = PathBuf::from(format!("{}{suffix}", path.display()));
            if beside.exists() {
                std::fs::remove_file(beside)?;
            }
        }
        std::fs::copy(self.copy_path(copy), path).context("putting a copy back")?;
        Ok(())
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("kanso.db")
    }

    fn copy_path(&self, number: u32) -> PathBuf {
        self.folder.path().join(format!("copy-{number}.db"))
    }
}

fn in_memory() -> std::io::Result<TempDir> {
    let shared = Path::new("/dev/shm");
    let here = shared.is_dir().then(|| tempfile::tempdir_in(shared));
    here.and_then(Result::ok).map_or_else(tempfile::tempdir, Ok)
}

fn open(path: &Path, fresh_epoch: Epoch) -> anyhow::Result<SqliteStorage> {
    let options = SqliteOptions {
        executor: Executor::Inline,
        ..SqliteOptions::new(path, fresh_epoch)
    };
    Ok(SqliteStorage::open(&options)?)
}

/// The bytes of a database with the newest schema and nothing in it: migrating takes longer than
/// most seeds.
fn blank() -> anyhow::Result<&'static [u8]> {
    static BLANK: OnceLock<Vec<u8>> = OnceLock::new();
    if let Some(bytes) = BLANK.get() {
        return Ok(bytes);
    }
    let folder = in_memory()?;
    let path = folder.path().join("kanso.db");
    let storage = open(&path, Epoch::new(0x4B41_4E53_4F00_0001))?;
    // Inline, it never waits.
    let mut context = Context::from_waker(Waker::noop());
    match pin!(storage.close()).as_mut().poll(&mut context) {
        Poll::Ready(closed) => closed.context("closing a blank database")?,
        Poll::Pending => anyhow::bail!("closing a blank database waits"),
    }
    let bytes = std::fs::read(&path)?;
    Ok(BLANK.get_or_init(|| bytes))
}

//! The SQLite file, its backups and their restore.

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

/// A folder with the database and its backups.
#[derive(Debug)]
pub struct SqliteStore {
    folder: TempDir,
    epochs: Chance,
    /// True if the servers notice that their file is lost, as they must.
    notices_loss: bool,
    copies: u32,
    open: Option<Arc<SqliteStorage>>,
}

/// The way in which the path of the database stops to lead to the file that the servers have open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileLoss {
    /// The file is moved away.
    Moved,
    /// It is deleted.
    Deleted,
    /// A backup takes its place.
    Replaced(u32),
}

impl SqliteStore {
    /// Creates a folder with an empty database, in memory where the machine has such a file system:
    /// durability is not tested here. Without `notices_loss` the servers have it open by another name,
    /// which nothing happens to.
    pub fn new(epochs: Chance, notices_loss: bool) -> anyhow::Result<Self> {
        let folder = in_memory()?;
        std::fs::write(folder.path().join("kanso.db"), blank()?)?;
        Ok(Self {
            folder,
            epochs,
            notices_loss,
            copies: 0,
            open: None,
        })
    }

    /// Returns the storage; opens it if necessary.
    pub fn storage(&mut self) -> anyhow::Result<Arc<SqliteStorage>> {
        if let Some(storage) = &self.open {
            return Ok(Arc::clone(storage));
        }
        let fresh = Epoch::new(self.epochs.between(1, u64::MAX));
        let path = self.open_path();
        if !self.notices_loss {
            if path.exists() {
                std::fs::remove_file(&path)?;
            }
            std::fs::hard_link(self.path(), &path)?;
        }
        let storage = Arc::new(open(&path, fresh)?);
        self.open = Some(Arc::clone(&storage));
        Ok(storage)
    }

    /// Closes the storage. Servers that still hold it get errors.
    pub async fn close(&mut self) -> anyhow::Result<()> {
        match self.open.take() {
            Some(storage) => storage.close().await.context("closing the database"),
            None => Ok(()),
        }
    }

    /// Takes the file away from under the servers.
    pub fn lose(&self, loss: FileLoss) -> anyhow::Result<()> {
        match loss {
            FileLoss::Moved => std::fs::rename(self.path(), self.moved_path())?,
            FileLoss::Deleted => std::fs::remove_file(self.path())?,
            FileLoss::Replaced(copy) => {
                let new = self.moved_path();
                std::fs::copy(self.copy_path(copy), &new)?;
                std::fs::rename(new, self.path())?;
            }
        }
        Ok(())
    }

    /// Puts a file back that was moved away.
    pub fn put_back(&self) -> anyhow::Result<()> {
        Ok(std::fs::rename(self.moved_path(), self.path())?)
    }

    /// Takes a backup; returns its number.
    pub fn back_up(&mut self) -> anyhow::Result<u32> {
        let number = self.copies + 1;
        kanso_sqlite::backup(&self.open_path(), &self.copy_path(number))?;
        self.copies = number;
        Ok(number)
    }

    /// Restores a backup. The database must be closed.
    pub fn restore(&mut self, copy: u32) -> anyhow::Result<()> {
        let path = self.path();
        // A write-ahead log of the old file would be replayed into the backup.
        for suffix in ["-wal", "-shm"] {
            let beside = PathBuf::from(format!("{}{suffix}", self.open_path().display()));
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

    fn moved_path(&self) -> PathBuf {
        self.folder.path().join("moved.db")
    }

    fn open_path(&self) -> PathBuf {
        if self.notices_loss {
            self.path()
        } else {
            self.folder.path().join("open.db")
        }
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

/// Returns the bytes of an empty database with the newest schema. Cached, because the migrations
/// take longer than most seeds.
fn blank() -> anyhow::Result<&'static [u8]> {
    static BLANK: OnceLock<Vec<u8>> = OnceLock::new();
    if let Some(bytes) = BLANK.get() {
        return Ok(bytes);
    }
    let folder = in_memory()?;
    let path = folder.path().join("kanso.db");
    let storage = open(&path, Epoch::new(0x4B41_4E53_4F00_0001))?;
    // With the inline executor the future is ready at once.
    let mut context = Context::from_waker(Waker::noop());
    match pin!(storage.close()).as_mut().poll(&mut context) {
        Poll::Ready(closed) => closed.context("closing a blank database")?,
        Poll::Pending => anyhow::bail!("closing a blank database waits"),
    }
    let bytes = std::fs::read(&path)?;
    Ok(BLANK.get_or_init(|| bytes))
}

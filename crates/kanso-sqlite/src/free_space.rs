//! The free space of the file system of a database.

use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use kanso_application::ports::free_space::{DiskSpace, FreeSpace};
use kanso_application::ports::storage::StorageError;

/// The file system on which a database file is.
#[derive(Clone, Debug)]
pub struct DatabaseDisk {
    folder: PathBuf,
}

impl DatabaseDisk {
    /// Returns the file system of the database at `path`. The file need not exist yet, but its folder.
    pub fn of(path: &Path) -> Self {
        let folder = path.parent().filter(|folder| *folder != Path::new(""));
        Self {
            folder: folder.unwrap_or(Path::new(".")).to_owned(),
        }
    }
}

#[async_trait]
impl FreeSpace for DatabaseDisk {
    async fn space(&self) -> Result<DiskSpace, StorageError> {
        let folder = self.folder.clone();
        // A file system behind a network may block.
        let found = tokio::task::spawn_blocking(move || rustix::fs::statvfs(&folder)).await;
        let failed = |error: io::Error| StorageError::Unavailable(error.into());
        let found = found.map_err(|error| failed(error.into()))?;
        let found = found.map_err(|error| failed(error.into()))?;
        Ok(DiskSpace {
            // What is left for a process without privileges: some blocks may be for root alone.
            free_bytes: found.f_bavail.saturating_mul(found.f_frsize),
            total_bytes: found.f_blocks.saturating_mul(found.f_frsize),
        })
    }
}

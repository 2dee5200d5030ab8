//! The free space of the file system of a database.

use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use kanso_application::ports::free_space::{DiskSpace, FreeSpace};
use kanso_application::ports::storage::StorageError;

use crate::file_lock::real_path;

/// The file system on which a database file is.
#[derive(Clone, Debug)]
pub struct DatabaseDisk {
    path: PathBuf,
}

impl DatabaseDisk {
    /// Returns the file system of the database at `path`. The file need not exist yet, but its folder.
    pub fn of(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }
}

#[async_trait]
impl FreeSpace for DatabaseDisk {
    async fn space(&self) -> Result<DiskSpace, StorageError> {
        let path = self.path.clone();
        let look = move || {
            // The database may be a symbolic link to another file system.
            let file = real_path(&path);
            rustix::fs::statvfs(file.parent().unwrap_or(&file))
        };
        // A file system behind a network may block.
        let found = tokio::task::spawn_blocking(look).await;
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

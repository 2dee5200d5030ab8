//! The free space of the file system on which the storage writes.

use async_trait::async_trait;

use super::storage_error::StorageError;

/// Space of a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskSpace {
    /// Bytes that this process can still write.
    pub free_bytes: u64,
    /// Bytes of the whole file system.
    pub total_bytes: u64,
}

/// Reports free space.
#[async_trait]
pub trait FreeSpace: Send + Sync {
    /// Returns the space of the file system as it is now.
    async fn space(&self) -> Result<DiskSpace, StorageError>;
}

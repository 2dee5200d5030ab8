//! The error of every port over the storage.

/// The failure of a storage. A result that a user can cause is never one of these.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The storage is not reachable or is overloaded. The same call may succeed later.
    #[error("the storage is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The storage contains impossible data, or broke its contract.
    #[error("the storage is corrupt")]
    Corrupt(#[source] Box<dyn std::error::Error + Send + Sync>),
}

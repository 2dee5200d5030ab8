//! The error of every port over the storage.

/// A storage that cannot answer. What a user can cause is never one of these.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The storage is away or overloaded; the same call may succeed later.
    #[error("the storage is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The storage holds something that cannot be, or broke its contract.
    #[error("the storage is corrupt")]
    Corrupt(#[source] Box<dyn std::error::Error + Send + Sync>),
}

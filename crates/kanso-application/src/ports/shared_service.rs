//! Optional services that servers share.

use async_trait::async_trait;

/// An optional service beside the storage, such as Redis.
#[async_trait]
pub trait SharedService: Send + Sync {
    /// Returns true if the service answers now.
    async fn answers(&self) -> bool;
}

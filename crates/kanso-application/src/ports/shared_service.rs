//! What a server can do without, and works better with.

use async_trait::async_trait;

/// Something beside the storage that servers share.
#[async_trait]
pub trait SharedService: Send + Sync {
    /// Whether it answers now.
    async fn answers(&self) -> bool;
}

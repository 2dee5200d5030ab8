//! The source of new ids.

use uuid::Uuid;

/// The source of ids. It is the only one for a use case.
pub trait Ids: Send + Sync {
    /// Returns a new UUID of version 7 (RFC 9562 §5.7).
    fn uuid(&self) -> Uuid;
}

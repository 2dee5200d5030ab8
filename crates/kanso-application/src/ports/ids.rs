//! New identifiers.

use uuid::Uuid;

/// Makes ids. The only way by which a use case may make one.
pub trait Ids: Send + Sync {
    /// A fresh UUID of version 7 (RFC 9562 §5.7).
    fn uuid(&self) -> Uuid;
}

//! The time.

use kanso_domain::Timestamp;

/// Tells the time. The only way by which a use case may learn it.
pub trait Clock: Send + Sync {
    /// The instant of the call.
    fn now(&self) -> Timestamp;
}

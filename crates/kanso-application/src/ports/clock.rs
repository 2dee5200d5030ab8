//! The clock.

use kanso_domain::Timestamp;

/// The clock. It is the only source of time for a use case.
pub trait Clock: Send + Sync {
    /// Returns the present instant.
    fn now(&self) -> Timestamp;
}

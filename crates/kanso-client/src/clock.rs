//! The time and fresh ids: handed in, so that a test and a simulation decide them.

use kanso_domain::Timestamp;
use uuid::Uuid;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

/// Makes ids that nobody else makes.
pub trait Ids: Send + Sync {
    /// An id that was never given out before.
    fn next_id(&self) -> Uuid;
}

//! The time and fresh ids: handed in, so that a test and a simulation decide them.

use std::time::Duration;

use async_trait::async_trait;
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

/// Lets time pass.
#[async_trait]
pub trait Timer: Send + Sync {
    /// Waits for as long as this. Dropping the future ends the waiting.
    async fn wait(&self, delay: Duration);
}

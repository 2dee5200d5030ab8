//! Ports for time and ids. Tests and simulations replace them to control both.

use std::time::Duration;

use async_trait::async_trait;
use kanso_domain::Timestamp;
use uuid::Uuid;

/// Source of the current time.
///
/// # Examples
/// ```
/// use std::sync::atomic::{AtomicI64, Ordering};
/// use kanso_client::clock::Clock;
/// use kanso_client::domain::Timestamp;
///
/// /// A clock that a test moves by hand.
/// struct ManualClock(AtomicI64);
///
/// impl Clock for ManualClock {
///     fn now(&self) -> Timestamp {
///         Timestamp::from_micros(self.0.load(Ordering::SeqCst)).expect("in range")
///     }
/// }
///
/// let clock = ManualClock(AtomicI64::new(0));
/// assert_eq!(clock.now().as_micros(), 0);
/// ```
pub trait Clock: Send + Sync {
    /// Returns the current instant.
    fn now(&self) -> Timestamp;
}

/// Source of unique ids.
///
/// # Examples
/// ```
/// use kanso_client::clock::Ids;
/// use kanso_client::system::SystemIds;
///
/// assert_ne!(SystemIds.next_id(), SystemIds.next_id());
/// ```
pub trait Ids: Send + Sync {
    /// Returns an id that was never returned before, on any device.
    fn next_id(&self) -> Uuid;
}

/// Source of delays.
#[async_trait]
pub trait Timer: Send + Sync {
    /// Completes after `delay`. Dropping the future cancels the wait.
    async fn wait(&self, delay: Duration);
}

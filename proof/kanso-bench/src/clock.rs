//! Monotonic clock of the measurements.

use std::time::{Duration, Instant};

/// Returns the current time of the monotonic clock.
#[expect(
    clippy::disallowed_methods,
    reason = "it measures real work on a real clock"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Returns a duration in whole microseconds.
pub(crate) fn micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}

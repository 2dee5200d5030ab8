//! A clock that stands still until a test moves it.

use std::sync::atomic::{AtomicI64, Ordering};

use kanso_application::ports::clock::Clock;
use kanso_domain::Timestamp;

/// A clock that a test moves.
#[derive(Debug)]
pub struct ManualClock {
    micros: AtomicI64,
}

impl ManualClock {
    /// Creates a clock that shows `now`.
    pub const fn at(now: Timestamp) -> Self {
        Self {
            micros: AtomicI64::new(now.as_micros()),
        }
    }

    /// Moves the clock, backwards if `seconds` is negative.
    pub fn advance_seconds(&self, seconds: i64) {
        // One atomic step, so that two threads that move the clock do not lose one of the moves.
        self.micros.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }

    /// Sets the clock to `now`.
    pub fn set(&self, now: Timestamp) {
        self.micros.store(now.as_micros(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        // In range: it was set from a timestamp.
        Timestamp::from_micros(self.micros.load(Ordering::SeqCst)).unwrap()
    }
}

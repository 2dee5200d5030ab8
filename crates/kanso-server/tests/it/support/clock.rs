use std::sync::atomic::{AtomicI64, Ordering};

use kanso_application::ports::clock::Clock;
use kanso_domain::Timestamp;

/// A clock that a test moves.
pub(crate) struct ManualClock(AtomicI64);

impl ManualClock {
    pub(crate) fn at(text: &str) -> Self {
        let instant: Timestamp = text.parse().expect("an instant");
        Self(AtomicI64::new(instant.as_micros()))
    }

    pub(crate) fn set(&self, text: &str) {
        let instant: Timestamp = text.parse().expect("an instant");
        self.0.store(instant.as_micros(), Ordering::SeqCst);
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst)).expect("in range")
    }
}

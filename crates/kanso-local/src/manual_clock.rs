//! A clock for tests. It begins at 1970 and moves only by hand.

use std::sync::atomic::{AtomicI64, Ordering};

use kanso_application::ports::clock::Clock;
use kanso_domain::Timestamp;

#[derive(Default)]
pub(crate) struct ManualClock(AtomicI64);

impl ManualClock {
    pub(crate) fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1_000_000, Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::Relaxed)).expect("in range")
    }
}

//! A clock for tests: it begins at 1970 and stands still.

use std::sync::atomic::{AtomicI64, Ordering};

use kanso_application::ports::clock::Clock;
use kanso_domain::Timestamp;

#[derive(Default)]
pub(crate) struct Hands(AtomicI64);

impl Hands {
    pub(crate) fn turn(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1_000_000, Ordering::Relaxed);
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::Relaxed)).expect("in range")
    }
}

//! The system's clock.

use kanso_application::ports::clock::Clock;
use kanso_domain::Timestamp;

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the system clock's one adapter")]
    fn now(&self) -> Timestamp {
        // Only a clock before the year 1 or after 9999 is out of range.
        Timestamp::from_jiff(jiff::Timestamp::now()).unwrap_or(Timestamp::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_later_than_this_test() {
        let written: Timestamp = "2026-11-01T00:00:00Z".parse().expect("an instant");
        assert!(SystemClock.now() > written && SystemClock.now() < Timestamp::MAX);
    }
}

//! The machine's clock.

use kanso_application::ports::clock::Clock;
use kanso_domain::Timestamp;

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the system clock's one adapter")]
    fn now(&self) -> Timestamp {
        // A machine set before the year 1 or after 9999 is not one to keep habits on.
        Timestamp::from_jiff(jiff::Timestamp::now()).unwrap_or(Timestamp::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_later_than_when_this_was_written() {
        let written: Timestamp = "2026-11-01T00:00:00Z".parse().expect("an instant");
        assert!(SystemClock.now() > written && SystemClock.now() < Timestamp::MAX);
    }
}

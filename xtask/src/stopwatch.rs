//! How long a step took, for a person to read.

use std::fmt;
use std::time::{Duration, Instant};

/// Runs from its creation; prints as the time that has passed since.
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(
        clippy::disallowed_methods,
        reason = "it measures real work on a real clock"
    )]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }
}

impl fmt::Display for Stopwatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&spoken(self.0.elapsed()))
    }
}

fn spoken(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds < 60 {
        format!("{:.1} s", duration.as_secs_f64())
    } else {
        format!("{} min {:02} s", seconds / 60, seconds % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_are_named_only_when_there_are_any() {
        assert_eq!(spoken(Duration::from_millis(3_240)), "3.2 s");
        assert_eq!(spoken(Duration::from_secs(65)), "1 min 05 s");
    }
}

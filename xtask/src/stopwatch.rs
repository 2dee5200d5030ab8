//! Measures and prints the duration of a step.

use std::fmt;
use std::time::{Duration, Instant};

/// Measures the time since its creation. `Display` prints it.
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "it measures real time")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }
}

impl fmt::Display for Stopwatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&readable(self.0.elapsed()))
    }
}

fn readable(duration: Duration) -> String {
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
        assert_eq!(readable(Duration::from_millis(3_240)), "3.2 s");
        assert_eq!(readable(Duration::from_secs(65)), "1 min 05 s");
    }
}

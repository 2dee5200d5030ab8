//! Limits the share of the machine that long work takes from requests.

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::sleep_or_stop;

/// Pauses after each step of long work for as long as the step took.
///
/// The work then takes at most half of the storage's and of a core's time. The pause adapts by
/// itself: on a busy machine steps take longer, and so do the pauses.
#[derive(Debug)]
pub(crate) struct Pace {
    step_began: Instant,
}

impl Pace {
    /// Begins the first step.
    pub(crate) fn begin() -> Self {
        Self {
            step_began: Instant::now(),
        }
    }

    /// Ends a step, pauses and begins the next one. Returns false if `stop` was cancelled.
    pub(crate) async fn rest(&mut self, stop: &CancellationToken) -> bool {
        let continues = sleep_or_stop(self.step_began.elapsed(), stop).await;
        self.step_began = Instant::now();
        continues
    }
}

//! How much of the machine a long piece of work leaves to requests.

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::rested;

/// Work that is done in steps, each followed by a rest as long as the step was: requests find the
/// storage and a core free at least every other moment, and on a busy machine, where steps take
/// longer, so do the rests.
#[derive(Debug)]
pub(crate) struct Pace {
    step_began: Instant,
}

impl Pace {
    /// The first step begins.
    pub(crate) fn begin() -> Self {
        Self {
            step_began: Instant::now(),
        }
    }

    /// A step has ended, and after a rest the next begins; false when it is not to.
    pub(crate) async fn rest(&mut self, stop: &CancellationToken) -> bool {
        let goes_on = rested(self.step_began.elapsed(), stop).await;
        self.step_began = Instant::now();
        goes_on
    }
}

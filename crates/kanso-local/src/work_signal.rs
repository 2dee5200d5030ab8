//! Wakes the workers of this process.

use std::sync::Arc;

use kanso_application::ports::work_signal::WorkSignal;
use tokio::sync::Notify;

/// A bell in this process. Any number of rings that nobody has heard yet are one.
#[derive(Clone, Debug, Default)]
pub struct LocalWake {
    streaks: Arc<Notify>,
}

impl LocalWake {
    /// A bell that is silent.
    pub fn new() -> Self {
        Self::default()
    }

    /// What rings when streaks are to be computed. One who listens hears each ring once, also one
    /// from before.
    pub fn streak_bell(&self) -> Arc<Notify> {
        Arc::clone(&self.streaks)
    }
}

impl WorkSignal for LocalWake {
    fn streaks(&self) {
        self.streaks.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::task::{Context, Waker};

    /// Whether a ring is waiting to be heard.
    fn hears(bell: &Notify) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        pin!(bell.notified()).poll(&mut context).is_ready()
    }

    #[test]
    fn rings_that_nobody_heard_are_one() {
        let wake = LocalWake::new();
        let bell = wake.streak_bell();
        assert!(!hears(&bell));
        wake.streaks();
        wake.streaks();
        assert!(hears(&bell));
        assert!(!hears(&bell));
    }
}

//! The signal that wakes the workers of this process.

use std::sync::Arc;

use kanso_application::ports::work_signal::WorkSignal;
use tokio::sync::Notify;

/// A work signal within this process. Signals that no worker has received yet count as one.
#[derive(Clone, Debug, Default)]
pub struct LocalWorkSignal {
    streaks: Arc<Notify>,
}

impl LocalWorkSignal {
    /// Makes a signal without pending work.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the notifier for stale streaks. A signal is kept until a worker waits for it, so none is
    /// lost between two waits.
    pub fn streak_signal(&self) -> Arc<Notify> {
        Arc::clone(&self.streaks)
    }
}

impl WorkSignal for LocalWorkSignal {
    fn streaks(&self) {
        // Not `notify_waiters`, which would lose a signal while the worker is busy.
        self.streaks.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::task::{Context, Waker};

    /// Returns true if a signal is pending.
    fn is_pending(notify: &Notify) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        pin!(notify.notified()).poll(&mut context).is_ready()
    }

    #[test]
    fn unreceived_signals_count_as_one() {
        let signal = LocalWorkSignal::new();
        let notify = signal.streak_signal();
        assert!(!is_pending(&notify));
        signal.streaks();
        signal.streaks();
        assert!(is_pending(&notify));
        assert!(!is_pending(&notify));
    }
}

//! In-process memory of a server, some of it wrapped by a planted bug.

use std::sync::Arc;

use kanso_application::ports::clock::Clock;
use kanso_application::ports::evict::Evict;
use kanso_local::{LocalLimiter, LocalThrottle, LocalTickets};

use crate::mutants::{Bug, EvictableThrottle, EvictableTickets};

/// In-process memory of one server.
pub(crate) struct Memories {
    /// Request counts by address.
    pub(crate) limiter: Arc<LocalLimiter>,
    /// Failed logins.
    pub(crate) throttle: Arc<dyn EvictableThrottle>,
    /// Open tickets.
    pub(crate) tickets: Arc<dyn EvictableTickets>,
}

impl Memories {
    /// Creates empty memories.
    pub(crate) fn new(bug: Option<Bug>, clock: &Arc<dyn Clock>) -> Self {
        Self {
            // No planted bug is in the limiter's memory. `Bug::limiter` wraps the port instead.
            limiter: Arc::new(LocalLimiter::new()),
            throttle: Bug::throttle(bug, LocalThrottle::new(Arc::clone(clock))),
            tickets: Bug::tickets(bug, LocalTickets::new(Arc::clone(clock))),
        }
    }

    /// Returns all of them, for the worker that evicts expired entries.
    pub(crate) fn all(&self) -> Vec<Arc<dyn Evict>> {
        vec![
            Arc::clone(&self.limiter) as _,
            Arc::clone(&self.throttle) as _,
            Arc::clone(&self.tickets) as _,
        ]
    }

    /// Returns the number of entries of each, with a label.
    pub(crate) fn kept(&self) -> [(&'static str, usize); 3] {
        [
            ("addresses that asked", self.limiter.kept()),
            ("failed log-ins", self.throttle.kept()),
            ("tickets", self.tickets.kept()),
        ]
    }
}

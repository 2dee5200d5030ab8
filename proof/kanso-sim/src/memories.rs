//! What a server remembers in its process, some of it with a bug around it.

use std::sync::Arc;

use kanso_application::ports::clock::Clock;
use kanso_application::ports::evict::Evict;
use kanso_local::{LocalLimiter, LocalThrottle, LocalTickets};

use crate::mutants::{Bug, EvictableThrottle, EvictableTickets};

/// What one server remembers.
pub(crate) struct Memories {
    /// How many requests came from where.
    pub(crate) limiter: Arc<LocalLimiter>,
    /// Failed log-ins.
    pub(crate) throttle: Arc<dyn EvictableThrottle>,
    /// Tickets that are out.
    pub(crate) tickets: Arc<dyn EvictableTickets>,
}

impl Memories {
    /// Nothing is remembered yet.
    pub(crate) fn new(bug: Option<Bug>, clock: &Arc<dyn Clock>) -> Self {
        Self {
            limiter: Arc::new(LocalLimiter::new()),
            throttle: Bug::throttle(bug, LocalThrottle::new(Arc::clone(clock))),
            tickets: Bug::tickets(bug, LocalTickets::new(Arc::clone(clock))),
        }
    }

    /// All of them, for the worker that lets them forget.
    pub(crate) fn all(&self) -> Vec<Arc<dyn Evict>> {
        vec![
            Arc::clone(&self.limiter) as _,
            Arc::clone(&self.throttle) as _,
            Arc::clone(&self.tickets) as _,
        ]
    }

    /// What is remembered, and how much of it.
    pub(crate) fn kept(&self) -> [(&'static str, usize); 3] {
        [
            ("addresses that asked", self.limiter.kept()),
            ("failed log-ins", self.throttle.kept()),
            ("tickets", self.tickets.kept()),
        ]
    }
}

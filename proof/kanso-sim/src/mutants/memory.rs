//! Bugs of in-process memory. Check 12 looks at the memory 20 minutes after the last request; check
//! 10 counts the streams that a ticket opened.

use std::sync::Arc;

use async_trait::async_trait;
use kanso_application::ports::evict::Evict;
use kanso_application::ports::throttle::{Admission, GuessCount, LoginOutcome, LoginThrottle};
use kanso_application::ports::tickets::{StoredTicket, TicketStore};
use kanso_domain::sessions::TokenHash;
use kanso_local::{LocalThrottle, LocalTickets};

use super::Bug;

/// A login throttle with an inspectable size.
pub trait EvictableThrottle: LoginThrottle + Evict {}
impl<T: LoginThrottle + Evict> EvictableThrottle for T {}

/// A ticket store with an inspectable size.
pub trait EvictableTickets: TicketStore + Evict {}
impl<T: TicketStore + Evict> EvictableTickets for T {}

impl Bug {
    /// Wraps `throttle` with the bug, if it is a bug of the throttle.
    pub fn throttle(bug: Option<Self>, throttle: LocalThrottle) -> Arc<dyn EvictableThrottle> {
        match bug {
            Some(Self::FailuresKept) => Arc::new(NeverForgetsFailures(throttle)),
            _ => Arc::new(throttle),
        }
    }

    /// Wraps `tickets` with the bug, if it is a bug of the tickets.
    pub fn tickets(bug: Option<Self>, tickets: LocalTickets) -> Arc<dyn EvictableTickets> {
        match bug {
            Some(bug @ (Self::TicketTwice | Self::TicketsKept)) => {
                Arc::new(ReusableTickets { bug, tickets })
            }
            _ => Arc::new(tickets),
        }
    }
}

/// A throttle that never evicts failures: a memory leak that an attacker with many addresses can
/// drive.
struct NeverForgetsFailures(LocalThrottle);

#[async_trait]
impl LoginThrottle for NeverForgetsFailures {
    async fn admit(&self, count: &GuessCount) -> Admission {
        self.0.admit(count).await
    }

    async fn settle(&self, count: &GuessCount, verdict: LoginOutcome) {
        self.0.settle(count, verdict).await;
    }
}

impl Evict for NeverForgetsFailures {
    fn evict_expired(&self) {}

    fn kept(&self) -> usize {
        self.0.kept()
    }
}

/// Tickets that can be taken twice, or that are never evicted.
struct ReusableTickets {
    bug: Bug,
    tickets: LocalTickets,
}

#[async_trait]
impl TicketStore for ReusableTickets {
    async fn keep(&self, hash: TokenHash, ticket: StoredTicket) {
        self.tickets.keep(hash, ticket).await;
    }

    async fn take(&self, hash: TokenHash) -> Option<StoredTicket> {
        let again = TokenHash::new(*hash.bytes());
        let ticket = self.tickets.take(hash).await?;
        // A lookup instead of a removal: anyone who reads the URL in a log could open the stream
        // again.
        if self.bug == Bug::TicketTwice {
            self.tickets.keep(again, ticket).await;
        }
        Some(ticket)
    }
}

impl Evict for ReusableTickets {
    fn evict_expired(&self) {
        if self.bug != Bug::TicketsKept {
            self.tickets.evict_expired();
        }
    }

    fn kept(&self) -> usize {
        self.tickets.kept()
    }
}

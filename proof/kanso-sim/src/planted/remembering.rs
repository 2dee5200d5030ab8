//! Bugs of what a server remembers in its process.

use std::sync::Arc;

use async_trait::async_trait;
use kanso_application::ports::evict::Evict;
use kanso_application::ports::throttle::{Admission, LoginOutcome, LoginThrottle};
use kanso_application::ports::tickets::{StoredTicket, TicketStore};
use kanso_domain::accounts::Email;
use kanso_domain::sessions::TokenHash;
use kanso_local::{LocalThrottle, LocalTickets};

use super::Bug;

/// The brake on guessing passwords, and what it remembers.
pub trait LoginMemory: LoginThrottle + Evict {}
impl<T: LoginThrottle + Evict> LoginMemory for T {}

/// The tickets that are out, and how many there are.
pub trait TicketMemory: TicketStore + Evict {}
impl<T: TicketStore + Evict> TicketMemory for T {}

impl Bug {
    /// `throttle` with the bug, if it is one of the throttle's.
    pub fn throttle(bug: Option<Self>, throttle: LocalThrottle) -> Arc<dyn LoginMemory> {
        match bug {
            Some(Self::FailuresKept) => Arc::new(Resentful(throttle)),
            _ => Arc::new(throttle),
        }
    }

    /// `tickets` with the bug, if it is one of the tickets'.
    pub fn tickets(bug: Option<Self>, tickets: LocalTickets) -> Arc<dyn TicketMemory> {
        match bug {
            Some(bug @ (Self::TicketTwice | Self::TicketsKept)) => {
                Arc::new(Generous { bug, tickets })
            }
            _ => Arc::new(tickets),
        }
    }
}

/// A throttle that forgets no failure of anybody.
struct Resentful(LocalThrottle);

#[async_trait]
impl LoginThrottle for Resentful {
    async fn admit(&self, email: &Email) -> Admission {
        self.0.admit(email).await
    }

    async fn settle(&self, email: &Email, verdict: LoginOutcome) {
        self.0.settle(email, verdict).await;
    }
}

impl Evict for Resentful {
    fn evict_expired(&self) {}

    fn kept(&self) -> usize {
        self.0.kept()
    }
}

/// Tickets that are good again, or kept for ever.
struct Generous {
    bug: Bug,
    tickets: LocalTickets,
}

#[async_trait]
impl TicketStore for Generous {
    async fn keep(&self, hash: TokenHash, ticket: StoredTicket) {
        self.tickets.keep(hash, ticket).await;
    }

    async fn take(&self, hash: TokenHash) -> Option<StoredTicket> {
        let again = TokenHash::new(*hash.bytes());
        let ticket = self.tickets.take(hash).await?;
        if self.bug == Bug::TicketTwice {
            self.tickets.keep(again, ticket).await;
        }
        Some(ticket)
    }
}

impl Evict for Generous {
    fn evict_expired(&self) {
        if self.bug != Bug::TicketsKept {
            self.tickets.evict_expired();
        }
    }

    fn kept(&self) -> usize {
        self.tickets.kept()
    }
}

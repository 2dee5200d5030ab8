//! The tickets that this process has issued.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use kanso_application::ports::clock::Clock;
use kanso_application::ports::evict::Evict;
use kanso_application::ports::tickets::{StoredTicket, TicketStore};
use kanso_domain::UserId;
use kanso_domain::sessions::TokenHash;

/// Maximum number of tickets, about 120 bytes each. Beyond it the oldest is removed, and its client
/// requests another one.
const CAPACITY: usize = 10_000;

/// Stores tickets in memory.
pub struct LocalTickets {
    clock: Arc<dyn Clock>,
    kept: Mutex<StoredTickets>,
    capacity: usize,
}

/// Maximum number of unused tickets of one user. A client uses a ticket at once, and a user may have ten
/// streams. Beyond it the oldest one of the same user is removed, so that no user pushes out another's.
const TICKETS_OF_USER: usize = 20;

#[derive(Debug, Default)]
struct StoredTickets {
    /// Hashes of the unused tickets of each user, oldest first.
    by_user: HashMap<UserId, VecDeque<[u8; 32]>>,
    tickets: HashMap<[u8; 32], StoredTicket>,
    /// Hashes in order of insertion. A redeemed ticket stays until it is the oldest or is evicted: removing
    /// it from the middle would take linear time.
    in_order: VecDeque<[u8; 32]>,
}

impl LocalTickets {
    /// Makes an empty store.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            kept: Mutex::default(),
            capacity: CAPACITY,
        }
    }

    fn change<T>(&self, work: impl FnOnce(&mut StoredTickets) -> T) -> T {
        // No change can panic halfway, so a poisoned lock guards consistent tickets.
        work(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl StoredTickets {
    fn remove(&mut self, hash: &[u8; 32]) -> Option<StoredTicket> {
        let ticket = self.tickets.remove(hash)?;
        let user = ticket.identity.user_id;
        if let Some(of_user) = self.by_user.get_mut(&user) {
            of_user.retain(|kept| kept != hash);
            // Users without tickets must not stay in the map, which would only grow.
            if of_user.is_empty() {
                self.by_user.remove(&user);
            }
        }
        Some(ticket)
    }
}

#[async_trait]
impl TicketStore for LocalTickets {
    async fn keep(&self, hash: TokenHash, ticket: StoredTicket) {
        self.change(|kept| {
            while kept.tickets.len() >= self.capacity
                && let Some(oldest) = kept.in_order.pop_front()
            {
                kept.remove(&oldest);
            }
            // Most are of used tickets then.
            if kept.in_order.len() >= 2 * self.capacity {
                let tickets = &kept.tickets;
                kept.in_order.retain(|hash| tickets.contains_key(hash));
            }
            let user = ticket.identity.user_id;
            let of_user = kept.by_user.entry(user).or_default();
            of_user.push_back(*hash.bytes());
            if of_user.len() > TICKETS_OF_USER
                && let Some(oldest) = of_user.pop_front()
            {
                kept.tickets.remove(&oldest);
            }
            kept.in_order.push_back(*hash.bytes());
            kept.tickets.insert(*hash.bytes(), ticket);
        });
    }

    async fn take(&self, hash: TokenHash) -> Option<StoredTicket> {
        self.change(|kept| kept.remove(hash.bytes()))
    }
}

impl Evict for LocalTickets {
    fn evict_expired(&self) {
        let now = self.clock.now();
        self.change(|kept| {
            kept.tickets.retain(|_, ticket| now < ticket.expires_at);
            let tickets = &kept.tickets;
            kept.in_order.retain(|hash| tickets.contains_key(hash));
            kept.by_user.retain(|_, hashes| {
                hashes.retain(|hash| tickets.contains_key(hash));
                !hashes.is_empty()
            });
        });
    }

    fn kept(&self) -> usize {
        self.change(|kept| kept.in_order.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manual_clock::ManualClock;
    use kanso_application::ports::credentials::Identity;
    use kanso_domain::{SessionId, Timestamp};
    use uuid::Uuid;

    fn hash(number: u8) -> TokenHash {
        TokenHash::new([number; 32])
    }

    fn ticket(number: u8) -> StoredTicket {
        StoredTicket {
            identity: Identity {
                user_id: UserId::new(Uuid::from_u128(number.into())),
                session_id: SessionId::new(Uuid::from_u128(1)),
            },
            expires_at: Timestamp::from_micros(60_000_000).expect("in range"),
        }
    }

    #[tokio::test]
    async fn a_ticket_is_redeemed_once() {
        let store = LocalTickets::new(Arc::new(ManualClock::default()));
        store.keep(hash(1), ticket(1)).await;
        assert_eq!(store.take(hash(2)).await, None);
        assert_eq!(store.take(hash(1)).await, Some(ticket(1)));
        assert_eq!(store.take(hash(1)).await, None);
    }

    #[tokio::test]
    async fn redeemed_and_expired_tickets_are_evicted() {
        let clock = Arc::new(ManualClock::default());
        let store = LocalTickets::new(Arc::clone(&clock) as _);
        store.keep(hash(1), ticket(1)).await;
        store.keep(hash(2), ticket(2)).await;
        assert!(store.take(hash(1)).await.is_some());
        clock.advance(59);
        store.evict_expired();
        assert_eq!(store.kept(), 1);
        clock.advance(1);
        store.evict_expired();
        assert_eq!(store.kept(), 0);
        assert_eq!(store.take(hash(2)).await, None);
    }

    #[tokio::test]
    async fn a_flood_of_tickets_of_one_user_removes_none_of_another() {
        let mut store = LocalTickets::new(Arc::new(ManualClock::default()));
        store.capacity = 200;
        store.keep(hash(255), ticket(1)).await;
        for number in 0..=250 {
            store.keep(hash(number), ticket(0)).await;
        }
        assert_eq!(store.take(hash(255)).await, Some(ticket(1)));
        assert_eq!(store.take(hash(230)).await, None);
        assert_eq!(store.take(hash(231)).await, Some(ticket(0)));
        assert_eq!(store.change(|kept| kept.tickets.len()), TICKETS_OF_USER - 1);
    }

    #[tokio::test]
    async fn a_flood_of_tickets_is_bounded_and_the_newest_stay() {
        let mut store = LocalTickets::new(Arc::new(ManualClock::default()));
        store.capacity = 10;
        for number in 0..100 {
            store.keep(hash(number), ticket(number)).await;
        }
        assert_eq!(store.change(|kept| kept.tickets.len()), 10);
        assert_eq!(store.take(hash(89)).await, None);
        assert_eq!(store.take(hash(90)).await, Some(ticket(90)));
        assert_eq!(store.take(hash(99)).await, Some(ticket(99)));
    }
}

//! Tickets: the event source of a browser cannot send headers, so it identifies itself by a ticket
//! in the URL.
//!
//! A URL can end up in a log, so a ticket is valid once and for a short time.

use std::sync::Arc;

use crate::Outcome;
use crate::ports::clock::Clock;
use crate::ports::credentials::Identity;
use crate::ports::storage::Storage;
use crate::ports::tickets::{NewTicket, StoredTicket, TicketStore, TicketTokens};

/// Time in seconds for which a ticket is valid.
pub const TICKET_SECONDS: i64 = 60;

/// The feature: issues and redeems tickets.
#[derive(Clone)]
pub struct Tickets {
    storage: Arc<dyn Storage>,
    clock: Arc<dyn Clock>,
    tokens: Arc<dyn TicketTokens>,
    store: Arc<dyn TicketStore>,
}

impl Tickets {
    /// Returns the feature over its ports.
    pub fn new(
        storage: Arc<dyn Storage>,
        clock: Arc<dyn Clock>,
        tokens: Arc<dyn TicketTokens>,
        store: Arc<dyn TicketStore>,
    ) -> Self {
        Self {
            storage,
            clock,
            tokens,
            store,
        }
    }

    /// Returns a ticket for `identity` that is valid once, within [`TICKET_SECONDS`].
    pub async fn issue(&self, identity: Identity) -> String {
        let NewTicket { ticket, hash } = self.tokens.mint();
        let expires_at = self.clock.now().plus_seconds(TICKET_SECONDS);
        let stored = StoredTicket {
            identity,
            expires_at,
        };
        self.store.keep(hash, stored).await;
        ticket
    }

    /// Uses a ticket. Returns its identity if the ticket is valid and the session is still open.
    pub async fn redeem(&self, ticket: &str) -> Outcome<Option<Identity>> {
        let Some(hash) = self.tokens.read(ticket) else {
            return Ok(None);
        };
        let now = self.clock.now();
        // Taken before the checks: an expired ticket is used up too.
        let stored = self.store.take(hash).await;
        let Some(StoredTicket { identity, .. }) = stored.filter(|stored| now < stored.expires_at)
        else {
            return Ok(None);
        };
        let Identity {
            user_id,
            session_id,
        } = identity;
        // A ticket must not outlive its session: the user may have logged out since.
        let is_open = self.storage.session_is_open(user_id, session_id, now);
        Ok(is_open.await?.then_some(identity))
    }
}

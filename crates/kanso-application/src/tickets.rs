//! Tickets: a browser's event source sends no headers, so it says in its address who it is, with
//! something that is good once and not for long.

use std::sync::Arc;

use crate::Outcome;
use crate::ports::clock::Clock;
use crate::ports::credentials::Identity;
use crate::ports::storage::Storage;
use crate::ports::tickets::{NewTicket, StoredTicket, TicketStore, TicketTokens};

/// How long a ticket is good, in seconds.
pub const TICKET_SECONDS: i64 = 60;

/// Hands tickets out and takes them back.
#[derive(Clone)]
pub struct Tickets {
    storage: Arc<dyn Storage>,
    clock: Arc<dyn Clock>,
    tokens: Arc<dyn TicketTokens>,
    store: Arc<dyn TicketStore>,
}

impl Tickets {
    /// The feature over its ports.
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

    /// A ticket that speaks for `identity` once, within [`TICKET_SECONDS`].
    pub async fn issue(&self, identity: Identity) -> String {
        let NewTicket { ticket, hash } = self.tokens.mint();
        let expires_at = self.clock.now().plus_seconds(TICKET_SECONDS);
        let kept = StoredTicket {
            identity,
            expires_at,
        };
        self.store.keep(hash, kept).await;
        ticket
    }

    /// Uses a ticket up: whom it speaks for, if it is good and their session still open.
    pub async fn redeem(&self, ticket: &str) -> Outcome<Option<Identity>> {
        let Some(hash) = self.tokens.read(ticket) else {
            return Ok(None);
        };
        let now = self.clock.now();
        let kept = self.store.take(hash).await;
        let Some(StoredTicket { identity, .. }) = kept.filter(|kept| now < kept.expires_at) else {
            return Ok(None);
        };
        let Identity {
            user_id,
            session_id,
        } = identity;
        let is_open = self.storage.session_is_open(user_id, session_id, now);
        Ok(is_open.await?.then_some(identity))
    }
}

//! Tickets: short-lived credentials for clients that cannot send headers.

use async_trait::async_trait;
use kanso_domain::Timestamp;
use kanso_domain::sessions::TokenHash;

use super::credentials::Identity;

/// A new ticket.
#[derive(Clone, PartialEq, Eq)]
pub struct NewTicket {
    /// Ticket, to return to the client.
    pub ticket: String,
    /// Hash of the ticket, to store.
    pub hash: TokenHash,
}

/// Creates tickets: opaque texts with 256 random bits.
pub trait TicketTokens: Send + Sync {
    /// Returns a new ticket.
    fn mint(&self) -> NewTicket;

    /// Returns the hash of a presented ticket, or `None` if it is malformed.
    fn read(&self, ticket: &str) -> Option<TokenHash>;
}

/// The identity of a ticket, with its expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredTicket {
    /// Identity that requested it.
    pub identity: Identity,
    /// Time from which it is refused.
    pub expires_at: Timestamp,
}

/// Stores tickets by their hashes until they are used.
///
/// A lost ticket costs the client another request, so a store may lose one. It must never return
/// one twice.
#[async_trait]
pub trait TicketStore: Send + Sync {
    /// Stores a ticket.
    async fn keep(&self, hash: TokenHash, ticket: StoredTicket);

    /// Removes and returns a ticket, even if it has expired. Returns `None` if there is none.
    async fn take(&self, hash: TokenHash) -> Option<StoredTicket>;
}

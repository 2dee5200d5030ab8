//! Tickets: how somebody who cannot send headers says who they are.

use async_trait::async_trait;
use kanso_domain::Timestamp;
use kanso_domain::sessions::TokenHash;

use super::credentials::Identity;

/// A ticket that was just made.
#[derive(Clone, PartialEq, Eq)]
pub struct NewTicket {
    /// The ticket to hand out.
    pub ticket: String,
    /// Its hash, to keep.
    pub hash: TokenHash,
}

/// Makes tickets: opaque, 256 random bits.
pub trait TicketTokens: Send + Sync {
    /// A new one.
    fn mint(&self) -> NewTicket;

    /// The hash of a presented ticket; `None` when it is not of our form.
    fn read(&self, ticket: &str) -> Option<TokenHash>;
}

/// Whom a ticket speaks for, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredTicket {
    /// Who asked for it.
    pub identity: Identity,
    /// From then on it is not good any more.
    pub expires_at: Timestamp,
}

/// Keeps tickets until they are used, by their hashes. One that is lost costs its holder another
/// request, so a store may forget, but it never hands one out twice.
#[async_trait]
pub trait TicketStore: Send + Sync {
    /// Keeps a ticket.
    async fn keep(&self, hash: TokenHash, ticket: StoredTicket);

    /// Takes a ticket out, whether or not it has expired; `None` when there is none.
    async fn take(&self, hash: TokenHash) -> Option<StoredTicket>;
}

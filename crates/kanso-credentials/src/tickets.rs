//! Tickets: `kt1_` and base64url of 256 random bits. Only a hash of them is stored.

use std::fmt;
use std::sync::Arc;

use kanso_application::ports::tickets::{NewTicket, TicketTokens};
use kanso_domain::sessions::TokenHash;

use crate::entropy::Entropy;
use crate::opaque;

const PREFIX: &str = "kt1_";

/// Makes random tickets.
pub struct RandomTickets {
    entropy: Arc<dyn Entropy>,
}

impl RandomTickets {
    /// Makes tickets with this source of randomness.
    pub fn new(entropy: Arc<dyn Entropy>) -> Self {
        Self { entropy }
    }
}

impl TicketTokens for RandomTickets {
    fn mint(&self) -> NewTicket {
        let (ticket, hash) = opaque::mint(&*self.entropy, PREFIX);
        NewTicket { ticket, hash }
    }

    fn read(&self, ticket: &str) -> Option<TokenHash> {
        opaque::read(ticket, PREFIX)
    }
}

impl fmt::Debug for RandomTickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RandomTickets(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SystemEntropy;

    #[test]
    fn a_ticket_is_read_as_the_stored_hash() {
        let tickets = RandomTickets::new(Arc::new(SystemEntropy));
        let [one, other] = [(); 2].map(|()| tickets.mint());
        assert_eq!(one.ticket.len(), 47);
        assert!(one.ticket != other.ticket && one.hash != other.hash);
        assert_eq!(tickets.read(&one.ticket), Some(one.hash));
        for bad in ["", "kt1_", &one.ticket[4..], &one.ticket[..46], "kr1_AAAA"] {
            assert_eq!(tickets.read(bad), None, "{bad}");
        }
    }
}

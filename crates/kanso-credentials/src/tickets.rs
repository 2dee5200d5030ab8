//! Tickets: `kt1_` and base64url of 256 random bits. Only a hash of them is stored.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kanso_application::ports::tickets::{NewTicket, TicketTokens};
use kanso_domain::sessions::TokenHash;
use sha2::{Digest as _, Sha256};

use crate::entropy::Entropy;

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

fn hash(secret: &[u8; 32]) -> TokenHash {
    TokenHash::new(Sha256::digest(secret).into())
}

impl TicketTokens for RandomTickets {
    fn mint(&self) -> NewTicket {
        let mut secret = [0; 32];
        self.entropy.fill(&mut secret);
        NewTicket {
            ticket: format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(secret)),
            hash: hash(&secret),
        }
    }

    fn read(&self, ticket: &str) -> Option<TokenHash> {
        let bytes = URL_SAFE_NO_PAD.decode(ticket.strip_prefix(PREFIX)?).ok()?;
        let secret: [u8; 32] = bytes.try_into().ok()?;
        Some(hash(&secret))
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

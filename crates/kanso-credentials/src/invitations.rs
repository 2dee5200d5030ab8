//! Invitation codes: `ki1_` and base64url of 256 random bits. Only a hash of them is stored.

use std::fmt;
use std::sync::Arc;

use kanso_application::ports::admission::{InvitationCodes, NewInvitation};
use kanso_domain::sessions::TokenHash;

use crate::entropy::Entropy;
use crate::opaque;

// It begins with a letter, so that no shell or program takes a code for an option.
const PREFIX: &str = "ki1_";

/// Makes random invitation codes.
pub struct RandomInvitations {
    entropy: Arc<dyn Entropy>,
}

impl RandomInvitations {
    /// Makes codes with this source of randomness.
    pub fn new(entropy: Arc<dyn Entropy>) -> Self {
        Self { entropy }
    }
}

impl InvitationCodes for RandomInvitations {
    fn mint(&self) -> NewInvitation {
        let (code, hash) = opaque::mint(&*self.entropy, PREFIX);
        NewInvitation { code, hash }
    }

    fn read(&self, code: &str) -> Option<TokenHash> {
        // Codes are copied from messages, often with a space or a line end.
        opaque::read(code.trim(), PREFIX)
    }
}

impl fmt::Debug for RandomInvitations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RandomInvitations(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SystemEntropy;

    #[test]
    fn a_code_is_read_as_the_stored_hash() {
        let codes = RandomInvitations::new(Arc::new(SystemEntropy));
        let [one, other] = [(); 2].map(|()| codes.mint());
        assert!(one.code != other.code && one.hash != other.hash);
        assert_eq!(codes.read(&one.code), Some(one.hash));
        assert_eq!(codes.read(&format!(" {}\n", one.code)), Some(one.hash));
        for bad in ["", "ki1_", &one.code[4..], &one.code[..46], "kt1_AAAA"] {
            assert_eq!(codes.read(bad), None, "{bad}");
        }
    }
}

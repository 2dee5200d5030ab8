//! Refresh tokens: opaque, and each with exactly one possible successor.
//!
//! A token is `kr1_` and base64url of user, session and a secret of 256 bits. The secret of a
//! session's first token is random. That of a successor is an HMAC of its predecessor under a key of
//! the server. So a retry gets the same successor, although only hashes are stored, and only the server
//! can compute a successor.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kanso_application::ports::credentials::{
    Identity, NewRefreshToken, PresentedToken, RefreshTokens,
};
use kanso_domain::sessions::{Presented, TokenHash};
use kanso_domain::{SessionId, UserId};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::entropy::Entropy;
use crate::keys::{SigningKey, keyed_hash};

const PREFIX: &str = "kr1_";

/// Makes refresh tokens with a key derived from the signing key.
pub struct HmacRefreshTokens {
    key: [u8; 32],
    entropy: Arc<dyn Entropy>,
}

/// The parts of a token.
#[derive(Clone, Copy)]
struct TokenParts {
    identity: Identity,
    secret: [u8; 32],
}

impl HmacRefreshTokens {
    /// Makes tokens with a key derived from `signing`.
    pub fn new(signing: &SigningKey, entropy: Arc<dyn Entropy>) -> Self {
        Self {
            key: signing.refresh_key(),
            entropy,
        }
    }

    /// Derives the next token of the session.
    //
    // Derived and not random: if the answer of a refresh is lost, the client retries with the old token
    // and must get the same new one. The server stores hashes, so it could not repeat a random one.
    fn successor(&self, parts: TokenParts) -> TokenParts {
        TokenParts {
            secret: keyed_hash(&self.key, &parts.bytes()),
            ..parts
        }
    }
}

impl TokenParts {
    fn bytes(self) -> [u8; 64] {
        let mut bytes = [0; 64];
        let (user, rest) = bytes.split_at_mut(16);
        let (session, secret) = rest.split_at_mut(16);
        user.copy_from_slice(self.identity.user_id.uuid().as_bytes());
        session.copy_from_slice(self.identity.session_id.uuid().as_bytes());
        secret.copy_from_slice(&self.secret);
        bytes
    }

    /// Parses a token; `None` for anything that [`TokenParts::text`] does not return.
    fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
        let (user, rest) = bytes.split_first_chunk::<16>()?;
        let (session, rest) = rest.split_first_chunk::<16>()?;
        let identity = Identity {
            user_id: UserId::new(Uuid::from_bytes(*user)),
            session_id: SessionId::new(Uuid::from_bytes(*session)),
        };
        Some(Self {
            identity,
            // Fails unless exactly 32 bytes are left.
            secret: rest.try_into().ok()?,
        })
    }

    fn text(self) -> String {
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(self.bytes()))
    }

    /// Hashes the secret. SHA-256 without salt is enough: 256 random bits cannot be guessed.
    fn hash(self) -> TokenHash {
        TokenHash::new(Sha256::digest(self.secret).into())
    }
}

impl RefreshTokens for HmacRefreshTokens {
    fn mint(&self, identity: Identity) -> NewRefreshToken {
        let mut secret = [0; 32];
        self.entropy.fill(&mut secret);
        let parts = TokenParts { identity, secret };
        NewRefreshToken {
            token: parts.text(),
            hash: parts.hash(),
        }
    }

    fn read(&self, token: &str) -> Option<PresentedToken> {
        let parts = TokenParts::parse(token)?;
        let successor = self.successor(parts);
        Some(PresentedToken {
            identity: parts.identity,
            presented: Presented {
                hash: parts.hash(),
                successor: successor.hash(),
            },
            successor: successor.text(),
        })
    }
}

// No derived `Debug`: it would print the key.
impl fmt::Debug for HmacRefreshTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HmacRefreshTokens(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SystemEntropy;

    const SECRET: &[u8] = b"q1HhXW0s5F0yZr1j8m3c0cQXo2i7mBk7jVtYzKq9aPw";
    const OTHER_SECRET: &[u8] = b"T4hYwq8nJ6sFv0bXc2LzGk5rPd9mQe7aUi3oRt1yHgE";

    fn tokens(secret: &[u8]) -> HmacRefreshTokens {
        let key = SigningKey::hs256(secret).expect("a key");
        HmacRefreshTokens::new(&key, Arc::new(SystemEntropy))
    }

    fn ada() -> Identity {
        Identity {
            user_id: UserId::new(Uuid::from_u128(1)),
            session_id: SessionId::new(Uuid::from_u128(2)),
        }
    }

    fn read(tokens: &HmacRefreshTokens, token: &str) -> PresentedToken {
        tokens.read(token).expect("one of ours")
    }

    #[test]
    fn a_token_names_its_session_and_hashes_to_what_was_stored() {
        let tokens = tokens(SECRET);
        let minted = tokens.mint(ada());
        let presented = read(&tokens, &minted.token);
        assert_eq!(presented.identity, ada());
        assert_eq!(presented.presented.hash, minted.hash);
        assert_eq!(minted.token.len(), 90);
    }

    #[test]
    fn a_retry_gets_the_same_successor_even_after_a_restart() {
        let token = tokens(SECRET).mint(ada()).token;
        let [first, again] = [(); 2].map(|()| read(&tokens(SECRET), &token));
        assert_eq!(first.successor, again.successor);
        let successor = read(&tokens(SECRET), &first.successor);
        assert_eq!(successor.presented.hash, first.presented.successor);
        assert_eq!(successor.identity, ada());
        assert_ne!(successor.successor, first.successor);
    }

    #[test]
    fn only_the_server_can_compute_the_successor() {
        let token = tokens(SECRET).mint(ada()).token;
        let [ours, theirs] =
            [SECRET, OTHER_SECRET].map(|secret| read(&tokens(secret), &token).successor);
        assert_ne!(ours, theirs);
    }

    #[test]
    fn two_logins_get_different_tokens() {
        let tokens = tokens(SECRET);
        assert_ne!(tokens.mint(ada()).token, tokens.mint(ada()).token);
    }

    #[test]
    fn a_token_has_one_spelling() {
        let tokens = tokens(SECRET);
        let good = tokens.mint(ada()).token;
        // 64 bytes leave four bits of the last base64url character unused; they must be zero.
        let last = good.chars().last().expect("a character");
        let other_last = char::from_u32(u32::from(last) + 1).expect("a character");
        let other_bits = format!("{}{other_last}", &good[..89]);
        for bad in [
            "",
            "kr1_",
            &good[4..],
            &good[..89],
            &format!("{good}A"),
            &format!("{good}=="),
            &format!(" {good}"),
            &good.replace("kr1_", "KR1_"),
            &good.replace("kr1_", "kr2_"),
            &other_bits,
            "kr1_é",
        ] {
            assert!(tokens.read(bad).is_none(), "{bad}");
        }
    }
}

//! Refresh tokens: opaque, and each with exactly one possible successor.
//!
//! A token is `kr1_` and base64url of user, session and a secret of 32 bytes. The first half of the
//! secret is random in a session's first token, and an HMAC of its predecessor in a later one. So a retry
//! gets the same successor, although only hashes are stored, and only the server can compute it. The
//! second half is the seal: an HMAC of all the rest. It shows that the server issued the token, so that
//! an invented one is not taken for a reuse. A token of 0.1.0 has the same form without a seal.

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
use crate::keys::{SigningKey, has_keyed_hash, keyed_hash};

const PREFIX: &str = "kr1_";

/// Length of the seal in bytes, and of the part of the secret before it.
const HALF: usize = 16;

/// Length of the sealed part of a token in bytes: user, session and the first half of the secret.
const SEALED: usize = 48;

/// Makes refresh tokens with keys derived from the signing key.
pub struct HmacRefreshTokens {
    /// Keys of the current signing key, then those of the former ones.
    keys: Vec<RefreshKeys>,
    entropy: Arc<dyn Entropy>,
    /// True while a server of 0.1.0 may run on the same database.
    is_mixed: bool,
}

/// The keys that are derived from one signing key.
struct RefreshKeys {
    successor: [u8; 32],
    seal: [u8; 32],
}

/// The parts of a token.
#[derive(Clone, Copy)]
struct TokenParts {
    identity: Identity,
    secret: [u8; 32],
}

impl HmacRefreshTokens {
    /// Makes tokens with keys derived from `signing`. Tokens of the `former` keys stay valid.
    pub fn new(signing: &SigningKey, former: &[SigningKey], entropy: Arc<dyn Entropy>) -> Self {
        let keys = [signing].into_iter().chain(former);
        Self {
            keys: keys.map(RefreshKeys::of).collect(),
            entropy,
            is_mixed: false,
        }
    }

    /// Derives successors as a server of 0.1.0 does, for a database on which one may run: it would take
    /// the retry of a token with another successor for a reuse. The successors have no seal, and sessions
    /// keep no nonces.
    #[must_use]
    pub fn beside_0_1_0(self) -> Self {
        Self {
            is_mixed: true,
            ..self
        }
    }

    /// Returns the keys of new tokens.
    fn current(&self) -> &RefreshKeys {
        &self.keys[0]
    }
}

impl RefreshKeys {
    fn of(signing: &SigningKey) -> Self {
        Self {
            successor: signing.refresh_key(),
            seal: signing.refresh_seal_key(),
        }
    }

    /// Derives the next token of the session.
    //
    // Derived and not random: if the answer of a refresh is lost, the client retries with the old token
    // and must get the same new one. The server stores hashes, so it could not repeat a random one.
    fn successor(&self, parts: TokenParts) -> TokenParts {
        self.sealed(self.former_successor(parts))
    }

    /// Derives the next token of the session as a server of 0.1.0 does.
    fn former_successor(&self, parts: TokenParts) -> TokenParts {
        TokenParts {
            secret: keyed_hash(&self.successor, &parts.bytes()),
            ..parts
        }
    }

    /// Replaces the second half of the secret by the seal.
    fn sealed(&self, parts: TokenParts) -> TokenParts {
        let mut secret = parts.secret;
        let seal = keyed_hash(&self.seal, &parts.bytes()[..SEALED]);
        secret[HALF..].copy_from_slice(&seal[..HALF]);
        TokenParts { secret, ..parts }
    }

    /// Returns true if the token has the seal of these keys.
    fn has_sealed(&self, parts: TokenParts) -> bool {
        let bytes = parts.bytes();
        let (sealed, seal) = bytes.split_at(SEALED);
        has_keyed_hash(&self.seal, sealed, seal)
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

    /// Hashes the secret. SHA-256 without salt is enough: 128 random bits cannot be guessed.
    fn hash(self) -> TokenHash {
        TokenHash::new(Sha256::digest(self.secret).into())
    }
}

impl RefreshTokens for HmacRefreshTokens {
    fn mint(&self, identity: Identity) -> NewRefreshToken {
        let mut secret = [0; 32];
        self.entropy.fill(&mut secret);
        let parts = self.current().sealed(TokenParts { identity, secret });
        NewRefreshToken {
            token: parts.text(),
            hash: parts.hash(),
        }
    }

    fn read(&self, token: &str, nonce: Option<&str>) -> Option<PresentedToken> {
        let parts = TokenParts::parse(token)?;
        let mut successors = self
            .keys
            .iter()
            .flat_map(|keys| [keys.successor(parts), keys.former_successor(parts)])
            .collect::<Vec<_>>();
        // The second is the one of 0.1.0 under the current key.
        let successor = successors.remove(usize::from(self.is_mixed));
        // A retry may reach this server after a change of keys, or after an upgrade from 0.1.0.
        let former = successors;
        Some(PresentedToken {
            identity: parts.identity,
            presented: Presented {
                hash: parts.hash(),
                successor: successor.hash(),
                former_successors: former.iter().map(|parts| parts.hash()).collect(),
                is_issued: self.keys.iter().any(|keys| keys.has_sealed(parts)),
                // Also during the mixed phase: a server that was restarted after it may have kept the nonce
                // of the first use.
                nonce: nonce.map(|nonce| TokenHash::new(Sha256::digest(nonce).into())),
                keeps_nonce: !self.is_mixed,
            },
            successor: successor.text(),
            former_successors: former.iter().map(|parts| parts.text()).collect(),
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
        HmacRefreshTokens::new(&key, &[], Arc::new(SystemEntropy))
    }

    fn ada() -> Identity {
        Identity {
            user_id: UserId::new(Uuid::from_u128(1)),
            session_id: SessionId::new(Uuid::from_u128(2)),
        }
    }

    fn read(tokens: &HmacRefreshTokens, token: &str) -> PresentedToken {
        tokens.read(token, None).expect("one of ours")
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
    fn a_token_shows_that_the_server_issued_it() {
        let ours = tokens(SECRET);
        let first = ours.mint(ada()).token;
        let next = read(&ours, &first).successor;
        for token in [&first, &next] {
            assert!(read(&ours, token).presented.is_issued, "{token}");
            let theirs = read(&tokens(OTHER_SECRET), token);
            assert!(!theirs.presented.is_issued, "another key");
        }
        // Each bit of a token counts.
        let parts = TokenParts::parse(&first).expect("a token");
        for index in 0..64 {
            let mut bytes = parts.bytes();
            bytes[index] ^= 1;
            let changed = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes));
            assert!(!read(&ours, &changed).presented.is_issued, "byte {index}");
        }
    }

    #[test]
    fn tokens_of_a_former_key_stay_issued_and_keep_their_successor() {
        let key = |secret| SigningKey::hs256(secret).expect("a key");
        let token = tokens(SECRET).mint(ada()).token;
        let before = read(&tokens(SECRET), &token);
        let (new, former) = (key(OTHER_SECRET), [key(SECRET)]);
        let after = HmacRefreshTokens::new(&new, &former, Arc::new(SystemEntropy));
        let after = read(&after, &token);
        assert!(after.presented.is_issued);
        assert_ne!(after.successor, before.successor);
        let again = after.successor_with(before.presented.successor);
        assert_eq!(again, Some(before.successor));
    }

    #[test]
    fn a_token_of_0_1_0_has_no_seal_and_keeps_its_successor() {
        let ours = tokens(SECRET);
        let parts = TokenParts {
            identity: ada(),
            secret: [9; 32],
        };
        let old = read(&ours, &parts.text());
        assert!(!old.presented.is_issued);
        let key = SigningKey::hs256(SECRET).expect("a key").refresh_key();
        let successor = TokenParts {
            secret: keyed_hash(&key, &parts.bytes()),
            ..parts
        };
        let again = old.successor_with(successor.hash());
        assert_eq!(again, Some(successor.text()));
    }

    #[test]
    fn beside_a_server_of_0_1_0_successors_are_its_own() {
        let alone = tokens(SECRET);
        let token = alone.mint(ada()).token;
        let beside = tokens(SECRET).beside_0_1_0();
        let (alone, beside) = (read(&alone, &token), read(&beside, &token));
        assert!(beside.presented.is_issued);
        assert!(alone.presented.keeps_nonce && !beside.presented.keeps_nonce);
        let former = [&alone.former_successors[0], &beside.former_successors[0]];
        assert_eq!(former, [&beside.successor, &alone.successor]);
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
            assert!(tokens.read(bad, None).is_none(), "{bad}");
        }
    }
}

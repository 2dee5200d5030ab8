//! Keyed names for values that are stored outside the database, such as in Redis.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kanso_application::ports::credentials::Pseudonyms;

use crate::keys::{SigningKey, keyed_hash};

/// Length of a name in bytes. The chance that two of a million names collide is below 10^-26.
const BYTES: usize = 16;

/// Computes names with HMAC. The key is derived from the signing key, so servers with the same signing
/// key compute the same names.
pub struct HmacPseudonyms {
    key: [u8; 32],
}

impl HmacPseudonyms {
    /// Makes names with a key derived from `signing`.
    #[must_use]
    pub fn new(signing: &SigningKey) -> Self {
        Self {
            key: signing.pseudonym_key(),
        }
    }
}

impl Pseudonyms for HmacPseudonyms {
    fn name(&self, what: &str) -> String {
        let hash = keyed_hash(&self.key, what.as_bytes());
        URL_SAFE_NO_PAD.encode(&hash[..BYTES])
    }
}

// No derived `Debug`: it would print the key.
impl fmt::Debug for HmacPseudonyms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HmacPseudonyms(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(secret: &[u8]) -> HmacPseudonyms {
        HmacPseudonyms::new(&SigningKey::hs256(secret).expect("a key"))
    }

    #[test]
    fn a_value_has_one_name_under_one_key() {
        let (one, same) = (names(&SECRETS[0]), names(&SECRETS[0]));
        let name = one.name("ada@example.org");
        assert_eq!(name, same.name("ada@example.org"));
        assert_eq!(name.len(), 22);
        assert!(!name.contains("ada"), "{name}");
        assert_ne!(name, one.name("bea@example.org"));
        assert_ne!(name, names(&SECRETS[1]).name("ada@example.org"));
    }

    const SECRETS: [[u8; 36]; 2] = [
        *b"5f1d0c7a9e3b48d2a6c4f8e07b1953ad-one",
        *b"c07e5b92d4a81f36e9d0732b6fa4158c-two",
    ];
}

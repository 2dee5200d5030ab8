//! Opaque codes: a prefix and base64url of 256 random bits. Only a hash of the bits is stored.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kanso_domain::sessions::TokenHash;
use sha2::{Digest as _, Sha256};

use crate::entropy::Entropy;

/// Returns a new code with its hash.
pub(crate) fn mint(entropy: &dyn Entropy, prefix: &str) -> (String, TokenHash) {
    let mut secret = [0; 32];
    entropy.fill(&mut secret);
    let code = format!("{prefix}{}", URL_SAFE_NO_PAD.encode(secret));
    (code, hash(&secret))
}

/// Returns the hash of a presented code, or `None` if it is malformed.
pub(crate) fn read(code: &str, prefix: &str) -> Option<TokenHash> {
    let bytes = URL_SAFE_NO_PAD.decode(code.strip_prefix(prefix)?).ok()?;
    let secret: [u8; 32] = bytes.try_into().ok()?;
    Some(hash(&secret))
}

fn hash(secret: &[u8; 32]) -> TokenHash {
    TokenHash::new(Sha256::digest(secret).into())
}

//! Signing keys, each with one algorithm.

use std::fmt;
use std::sync::Once;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jsonwebtoken::jwk::{Jwk, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use sha2::Sha256;

use crate::strength::{MIN_SECRET_BYTES, is_guessable};

// Labels separate the purposes of one key: each derived key is an HMAC of its own label, so that
// none of them reveals another. A derivation that changes later gets a label with a new number.
const KEY_ID_LABEL: &[u8] = b"kanso key id 1";
const KEY_ID_BYTES: usize = 8;
const REFRESH_LABEL: &[u8] = b"kanso refresh tokens 1";
const REFRESH_SEAL_LABEL: &[u8] = b"kanso refresh seals 1";
const PSEUDONYM_LABEL: &[u8] = b"kanso pseudonyms 1";
const DEVICE_PROOF_LABEL: &[u8] = b"kanso device proofs 1";

/// Error of a key that is too weak. The message says which key is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// An HS256 secret that is too short.
    #[error("the secret has {0} bytes, too few; use at least {MIN_SECRET_BYTES} random ones")]
    TooShort(usize),
    /// An HS256 secret that looks like a placeholder or a pattern.
    #[error("the secret can be guessed; use at least {MIN_SECRET_BYTES} random bytes")]
    Guessable,
    /// A text that is not a suitable RSA key.
    #[error("it is not an unencrypted RSA private key of at least 2048 bits in PEM")]
    NotRsa,
}

/// A key that signs and verifies access tokens with its one algorithm.
#[derive(Clone)]
pub struct SigningKey {
    id: String,
    algorithm: Algorithm,
    encoding: EncodingKey,
    decoding: DecodingKey,
    /// Public half of the key; `None` for HS256.
    public: Option<Jwk>,
}

impl SigningKey {
    /// Makes an HS256 key from a shared secret.
    ///
    /// # Errors
    /// [`KeyError::TooShort`] below 32 bytes, [`KeyError::Guessable`] for a placeholder or a pattern.
    pub fn hs256(secret: &[u8]) -> Result<Self, KeyError> {
        install_crypto_provider();
        if secret.len() < MIN_SECRET_BYTES {
            return Err(KeyError::TooShort(secret.len()));
        }
        if is_guessable(secret) {
            return Err(KeyError::Guessable);
        }
        // The id is public in every token. A keyed and truncated hash distinguishes keys without helping
        // to guess them.
        let id = keyed_hash(secret, KEY_ID_LABEL);
        Ok(Self {
            id: URL_SAFE_NO_PAD.encode(&id[..KEY_ID_BYTES]),
            algorithm: Algorithm::HS256,
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
            public: None,
        })
    }

    /// Makes an RS256 key from an RSA private key in PEM (PKCS#8 or PKCS#1). Its id is its thumbprint
    /// (RFC 7638).
    ///
    /// # Errors
    /// [`KeyError::NotRsa`] for anything else, also for fewer than 2048 bits (RFC 7518 §3.3).
    pub fn rs256(pem: &[u8]) -> Result<Self, KeyError> {
        install_crypto_provider();
        let refuse = |_: jsonwebtoken::errors::Error| KeyError::NotRsa;
        let encoding = EncodingKey::from_rsa_pem(pem).map_err(refuse)?;
        // This parses the key with the library that signs, which refuses keys below 2048 bits.
        let mut public = Jwk::from_encoding_key(&encoding, Algorithm::RS256).map_err(refuse)?;
        let id = public.thumbprint(ThumbprintHash::SHA256).map_err(refuse)?;
        let decoding = DecodingKey::from_jwk(&public).map_err(refuse)?;
        public.common.key_id = Some(id.clone());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        Ok(Self {
            id,
            algorithm: Algorithm::RS256,
            encoding,
            decoding,
            public: Some(public),
        })
    }

    /// Returns the `kid` of this key in the header of its tokens.
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(crate) const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(crate) const fn encoding(&self) -> &EncodingKey {
        &self.encoding
    }

    pub(crate) const fn decoding(&self) -> &DecodingKey {
        &self.decoding
    }

    pub(crate) const fn public(&self) -> Option<&Jwk> {
        self.public.as_ref()
    }

    /// Derives the key of refresh tokens, which does not reveal the signing key.
    pub(crate) fn refresh_key(&self) -> [u8; 32] {
        keyed_hash(self.encoding.as_bytes(), REFRESH_LABEL)
    }

    /// Derives the key of the seals in refresh tokens.
    pub(crate) fn refresh_seal_key(&self) -> [u8; 32] {
        keyed_hash(self.encoding.as_bytes(), REFRESH_SEAL_LABEL)
    }

    /// Derives the key of device proofs.
    pub(crate) fn device_proof_key(&self) -> [u8; 32] {
        keyed_hash(self.encoding.as_bytes(), DEVICE_PROOF_LABEL)
    }

    /// Derives the key of pseudonyms.
    pub(crate) fn pseudonym_key(&self) -> [u8; 32] {
        keyed_hash(self.encoding.as_bytes(), PSEUDONYM_LABEL)
    }
}

// No derived `Debug`: it would print the secret.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({:?}, {})", self.algorithm, self.id)
    }
}

/// Computes HMAC-SHA-256 (RFC 2104).
pub(crate) fn keyed_hash(key: &[u8], message: &[u8]) -> [u8; 32] {
    authenticated(key, message).finalize().into_bytes().into()
}

/// Returns true if `start` is the start of the [`keyed_hash`], in constant time.
pub(crate) fn has_keyed_hash(key: &[u8], message: &[u8], start: &[u8]) -> bool {
    authenticated(key, message)
        .verify_truncated_left(start)
        .is_ok()
}

fn authenticated(key: &[u8], message: &[u8]) -> Hmac<Sha256> {
    #[expect(
        clippy::expect_used,
        reason = "HMAC takes keys of every length (RFC 2104 §2)"
    )]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length");
    mac.update(message);
    mac
}

/// Installs a crypto provider. Otherwise `jsonwebtoken` would choose one by its Cargo features, and
/// another crate of the build may enable more of them.
fn install_crypto_provider() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // An error means that the process has already installed one, which is fine.
        let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const PKCS8: &[u8] = include_bytes!("../tests/fixtures/rsa-2048-pkcs8.pem");
    const PKCS1: &[u8] = include_bytes!("../tests/fixtures/rsa-2048-pkcs1.pem");
    const PUBLIC: &[u8] = include_bytes!("../tests/fixtures/rsa-2048-public.pem");
    const SHORT: &[u8] = include_bytes!("../tests/fixtures/rsa-1024-pkcs8.pem");
    const EC: &[u8] = include_bytes!("../tests/fixtures/ec-p256.pem");
    const SECRET: &[u8] = b"q1HhXW0s5F0yZr1j8m3c0cQXo2i7mBk7jVtYzKq9aPw";

    #[test]
    fn weak_secrets_are_refused() {
        let refused = |secret: &[u8]| SigningKey::hs256(secret).map(|_| ()).expect_err("weak");
        assert_eq!(refused(b"secret"), KeyError::TooShort(6));
        assert_eq!(refused(&SECRET[..31]), KeyError::TooShort(31));
        assert_eq!(
            refused(b"changeme-changeme-changeme-changeme"),
            KeyError::Guessable
        );
        assert!(SigningKey::hs256(&SECRET[..32]).is_ok());
    }

    #[test]
    fn only_rsa_private_keys_of_2048_bits_sign_rs256() {
        for refused in [SHORT, EC, PUBLIC, b"nonsense", b"", SECRET] {
            assert_eq!(
                SigningKey::rs256(refused).map(|_| ()),
                Err(KeyError::NotRsa)
            );
        }
        let ids = [PKCS8, PKCS1].map(|pem| SigningKey::rs256(pem).expect("a key").id);
        assert_eq!(ids[0], ids[1], "the same key in two formats");
        assert_eq!(ids[0].len(), 43, "a whole SHA-256");
    }

    #[test]
    fn the_id_of_a_secret_is_stable_and_short() {
        let id = |secret: &[u8]| SigningKey::hs256(secret).expect("a key").id;
        assert_eq!(id(SECRET), id(SECRET));
        assert_eq!(id(SECRET).len(), 11);
        assert_ne!(id(SECRET), id(&SECRET[1..]));
    }

    #[test]
    fn keys_do_not_print() {
        let printed = format!("{:?}", SigningKey::hs256(SECRET).expect("a key"));
        assert!(!printed.contains("q1HhXW0s5F0"), "{printed}");
    }
}

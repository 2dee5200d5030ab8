//! Signing keys, each with one algorithm.

use std::fmt;
use std::sync::Once;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, PublicKeyUse, ThumbprintHash};
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

/// Length of an RSA modulus in bits from which a key is as strong as the other algorithms (NIST SP 800-57
/// part 1 §5.6.1). Keys from 2048 bits are accepted because release 0.1.0 took them.
pub const RECOMMENDED_RSA_BITS: usize = 3072;

/// Error of a key that is too weak. The message says which key is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// An HS256 secret that is too short.
    #[error("the secret has {0} bytes, too few; use at least {MIN_SECRET_BYTES} random ones")]
    TooShort(usize),
    /// An HS256 secret that looks like a placeholder or a pattern.
    #[error("the secret can be guessed; use at least {MIN_SECRET_BYTES} random bytes")]
    Guessable,
    /// A text that is not a suitable private key.
    #[error(
        "it is not an unencrypted private key in PEM: RSA of at least {RECOMMENDED_RSA_BITS} bits, \
         P-256 in PKCS#8, or Ed25519 in PKCS#8"
    )]
    NotPrivate,
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

    /// Makes a key from a private key in PEM: RS256 from RSA (PKCS#8 or PKCS#1), ES256 from P-256 and
    /// `EdDSA` from Ed25519 (PKCS#8). Its id is its thumbprint (RFC 7638).
    ///
    /// # Errors
    /// [`KeyError::NotPrivate`] for anything else, also for an RSA key under 2048 bits (RFC 7518 §3.3).
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        install_crypto_provider();
        // Each function refuses the keys of the others, so the key decides on its algorithm.
        let rsa = || Self::asymmetric(EncodingKey::from_rsa_pem(pem), Algorithm::RS256);
        let p256 = || Self::asymmetric(EncodingKey::from_ec_pem(pem), Algorithm::ES256);
        let ed25519 = || Self::asymmetric(EncodingKey::from_ed_pem(pem), Algorithm::EdDSA);
        let key = rsa().or_else(|_| p256()).or_else(|_| ed25519());
        key.map_err(|_| KeyError::NotPrivate)
    }

    fn asymmetric(
        encoding: jsonwebtoken::errors::Result<EncodingKey>,
        algorithm: Algorithm,
    ) -> jsonwebtoken::errors::Result<Self> {
        let encoding = encoding?;
        // This parses the key with the library that signs, which refuses RSA keys below 2048 bits and
        // other curves.
        let mut public = Jwk::from_encoding_key(&encoding, algorithm)?;
        let id = public.thumbprint(ThumbprintHash::SHA256)?;
        let decoding = DecodingKey::from_jwk(&public)?;
        public.common.key_id = Some(id.clone());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        Ok(Self {
            id,
            algorithm,
            encoding,
            decoding,
            public: Some(public),
        })
    }

    /// Returns the length of an RSA modulus in bits, if it is below [`RECOMMENDED_RSA_BITS`].
    pub fn short_rsa_bits(&self) -> Option<usize> {
        let AlgorithmParameters::RSA(rsa) = &self.public.as_ref()?.algorithm else {
            return None;
        };
        // The bytes of the modulus have no leading zeros (RFC 7518 §6.3.1.1).
        let bits = URL_SAFE_NO_PAD.decode(&rsa.n).ok()?.len() * 8;
        (bits < RECOMMENDED_RSA_BITS).then_some(bits)
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
    const LONG: &[u8] = include_bytes!("../tests/fixtures/rsa-3072-pkcs8.pem");
    const P256: &[u8] = include_bytes!("../tests/fixtures/ec-p256.pem");
    const P384: &[u8] = include_bytes!("../tests/fixtures/ec-p384.pem");
    const ED25519: &[u8] = include_bytes!("../tests/fixtures/ed25519.pem");
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
    fn a_private_key_decides_on_its_algorithm() {
        for refused in [SHORT, P384, PUBLIC, b"nonsense", b"", SECRET] {
            let key = SigningKey::from_pem(refused);
            assert_eq!(key.map(|_| ()), Err(KeyError::NotPrivate));
        }
        for (pem, algorithm, short) in [
            (PKCS8, Algorithm::RS256, Some(2048)),
            (PKCS1, Algorithm::RS256, Some(2048)),
            (LONG, Algorithm::RS256, None),
            (P256, Algorithm::ES256, None),
            (ED25519, Algorithm::EdDSA, None),
        ] {
            let key = SigningKey::from_pem(pem).expect("a key");
            assert_eq!((key.algorithm, key.short_rsa_bits()), (algorithm, short));
        }
        let ids = [PKCS8, PKCS1].map(|pem| SigningKey::from_pem(pem).expect("a key").id);
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

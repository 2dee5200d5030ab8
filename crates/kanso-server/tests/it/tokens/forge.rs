//! Tokens that are signed with the keys of the server.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use kanso_credentials::SigningKey;
use serde_json::Value;

macro_rules! fixture {
    ($name:literal) => {
        concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../kanso-credentials/tests/fixtures/",
            $name
        )
    };
}

pub(super) const SECRET: &str = "q1HhXW0s5F0yZr1j8m3c0cQXo2i7mBk7jVtYzKq9aPw";
pub(super) const RSA: &str = fixture!("rsa-2048-pkcs8.pem");
pub(super) const RSA_PUBLIC: &str = fixture!("rsa-2048-public.pem");
pub(super) const P256: &str = fixture!("ec-p256.pem");
pub(super) const ED25519: &str = fixture!("ed25519.pem");

/// A key of the server, or of an attacker.
pub(super) struct Key {
    pub(super) id: String,
    pub(super) algorithm: Algorithm,
    pub(super) encoding: EncodingKey,
}

impl Key {
    pub(super) fn secret() -> Self {
        Self::hs256(SECRET)
    }

    pub(super) fn hs256(secret: &str) -> Self {
        let id = SigningKey::hs256(secret.as_bytes()).expect("a key");
        Self {
            id: id.id().to_owned(),
            algorithm: Algorithm::HS256,
            encoding: EncodingKey::from_secret(secret.as_bytes()),
        }
    }

    pub(super) fn rsa() -> Self {
        Self::of_file(RSA, Algorithm::RS256, EncodingKey::from_rsa_pem)
    }

    pub(super) fn p256() -> Self {
        Self::of_file(P256, Algorithm::ES256, EncodingKey::from_ec_pem)
    }

    pub(super) fn ed25519() -> Self {
        Self::of_file(ED25519, Algorithm::EdDSA, EncodingKey::from_ed_pem)
    }

    fn of_file(
        path: &str,
        algorithm: Algorithm,
        read: impl FnOnce(&[u8]) -> jsonwebtoken::errors::Result<EncodingKey>,
    ) -> Self {
        let pem = std::fs::read(path).expect("a fixture");
        Self {
            id: SigningKey::from_pem(&pem).expect("a key").id().to_owned(),
            algorithm,
            encoding: read(&pem).expect("a key"),
        }
    }

    /// Returns the base64url of the signature of `message`.
    pub(super) fn signature(&self, message: &str, algorithm: Algorithm) -> String {
        jsonwebtoken::crypto::sign(message.as_bytes(), &self.encoding, algorithm).expect("it signs")
    }
}

/// A token that must be refused.
pub(super) struct Variant {
    pub(super) reason: String,
    pub(super) token: Vec<u8>,
}

impl Variant {
    pub(super) fn new(reason: impl Into<String>, token: impl Into<Vec<u8>>) -> Self {
        Self {
            reason: reason.into(),
            token: token.into(),
        }
    }
}

/// Members of a JSON object, each with its JSON text.
pub(super) type Members = Vec<(String, String)>;

/// Makes tokens of one session with one key.
pub(super) struct Forge<'a> {
    pub(super) key: &'a Key,
    pub(super) claims: Members,
    pub(super) issued_at: i64,
}

pub(super) fn encoded(text: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

pub(super) fn hexadecimal(bytes: impl AsRef<[u8]>) -> String {
    let bytes = bytes.as_ref().iter();
    bytes.fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

pub(super) fn object(members: &Members) -> String {
    let members: Vec<_> = members
        .iter()
        .map(|(name, value)| format!("\"{name}\":{value}"))
        .collect();
    format!("{{{}}}", members.join(","))
}

/// Returns the members with one replaced, added, or with `None` removed.
pub(super) fn with(members: &Members, name: &str, value: Option<&str>) -> Members {
    let mut changed = members.clone();
    changed.retain(|(other, _)| other != name);
    changed.extend(value.map(|value| (name.to_owned(), value.to_owned())));
    changed
}

impl<'a> Forge<'a> {
    /// Returns a forge for the session of `token`.
    pub(super) fn like(key: &'a Key, token: &str) -> Self {
        let claims = token.split('.').nth(1).expect("three parts");
        let claims = URL_SAFE_NO_PAD.decode(claims).expect("base64url");
        let claims: Value = serde_json::from_slice(&claims).expect("JSON");
        let issued_at = claims["iat"].as_i64().expect("a number");
        let members = claims.as_object().expect("an object").iter();
        Self {
            key,
            claims: members
                .map(|(name, value)| (name.clone(), value.to_string()))
                .collect(),
            issued_at,
        }
    }

    pub(super) fn header(&self) -> Members {
        [
            ("typ", "at+jwt"),
            ("alg", self.algorithm()),
            ("kid", &self.key.id),
        ]
        .map(|(name, value)| (name.to_owned(), format!("\"{value}\"")))
        .into()
    }

    pub(super) fn algorithm(&self) -> &'static str {
        match self.key.algorithm {
            Algorithm::RS256 => "RS256",
            Algorithm::ES256 => "ES256",
            Algorithm::EdDSA => "EdDSA",
            _ => "HS256",
        }
    }

    /// Returns the part of a right token that is signed.
    pub(super) fn message(&self) -> String {
        let (header, claims) = (object(&self.header()), object(&self.claims));
        format!("{}.{}", encoded(header), encoded(claims))
    }

    /// Signs any bytes as header and claims.
    pub(super) fn signed(&self, header: impl AsRef<[u8]>, claims: impl AsRef<[u8]>) -> String {
        self.sealed(&format!("{}.{}", encoded(header), encoded(claims)))
    }

    /// Signs any text before the last dot.
    pub(super) fn sealed(&self, message: &str) -> String {
        let signature = self.key.signature(message, self.key.algorithm);
        format!("{message}.{signature}")
    }

    pub(super) fn token(&self) -> String {
        self.sealed(&self.message())
    }

    pub(super) fn with_header(&self, name: &str, value: Option<&str>) -> String {
        let header = with(&self.header(), name, value);
        self.signed(object(&header), object(&self.claims))
    }

    pub(super) fn with_claim(&self, name: &str, value: Option<&str>) -> String {
        let claims = with(&self.claims, name, value);
        self.signed(object(&self.header()), object(&claims))
    }

    /// Returns tokens that differ from the server's and are right, as controls.
    pub(super) fn accepted(&self) -> Vec<(String, String)> {
        let name = |what: &str| format!("{} {what}", self.algorithm());
        let at = |seconds: i64| (self.issued_at + seconds).to_string();
        vec![
            (name("as issued"), self.token()),
            (
                name("typ of 0.1.0"),
                self.with_header("typ", Some("\"JWT\"")),
            ),
            (
                name("typ as a media type"),
                self.with_header("typ", Some("\"application/at+jwt\"")),
            ),
            (
                name("nbf in the past"),
                self.with_claim("nbf", Some(&at(-1))),
            ),
            (
                name("iat within the leeway"),
                self.with_claim("iat", Some(&at(5))),
            ),
            (
                name("exp within the leeway"),
                self.with_claim("exp", Some(&at(-4))),
            ),
            (
                name("a claim of another purpose"),
                self.with_claim("scope", Some("\"sync\"")),
            ),
        ]
    }
}

//! Readable passwords and tokens: fast, and without any protection.

use std::sync::atomic::{AtomicU8, Ordering};

use async_trait::async_trait;
use kanso_application::ports::admission::{InvitationCodes, NewInvitation};
use kanso_application::ports::credentials::{
    AccessToken, AccessTokens, DeviceProofs, Identity, NewRefreshToken, PasswordCheck,
    PasswordFault, Passwords, PresentedToken, Pseudonyms, RefreshTokens, SigningFault,
    TokenRefused,
};
use kanso_domain::accounts::{Password, PasswordHash};
use kanso_domain::sessions::{Presented, TokenHash};
use kanso_domain::{SessionId, Timestamp, UserId};
use uuid::Uuid;

/// Stores a password as readable text. Argon2 is slow on purpose, which would
/// dominate most tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlainPasswords;

impl PlainPasswords {
    /// Returns the current hash of a password.
    pub fn hash_of(password: &str) -> PasswordHash {
        PasswordHash::new(format!("now:{password}"))
    }

    /// Returns an outdated hash; a correct password is rehashed.
    pub fn old_hash_of(password: &str) -> PasswordHash {
        PasswordHash::new(format!("once:{password}"))
    }
}

#[async_trait]
impl Passwords for PlainPasswords {
    async fn hash(&self, password: Password) -> Result<PasswordHash, PasswordFault> {
        Ok(Self::hash_of(&text(&password)))
    }

    async fn check(
        &self,
        password: Password,
        stored: Option<PasswordHash>,
    ) -> Result<PasswordCheck, PasswordFault> {
        let text = text(&password);
        Ok(match stored {
            Some(hash) if hash == Self::hash_of(&text) => PasswordCheck::Right,
            // Stands for a hash with older Argon2 parameters.
            Some(hash) if hash == Self::old_hash_of(&text) => {
                PasswordCheck::RightRehashed(Self::hash_of(&text))
            }
            Some(_) | None => PasswordCheck::Wrong,
        })
    }
}

fn text(password: &Password) -> String {
    String::from_utf8_lossy(password.expose()).into_owned()
}

/// Readable pseudonyms.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlainPseudonyms;

impl Pseudonyms for PlainPseudonyms {
    fn name(&self, what: &str) -> String {
        format!("alias-{what}")
    }
}

/// Readable access tokens with identity and expiry.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlainAccessTokens;

impl PlainAccessTokens {
    /// Lifetime of a token, in seconds.
    pub const SECONDS: i64 = 900;
}

impl AccessTokens for PlainAccessTokens {
    fn issue(&self, identity: Identity, now: Timestamp) -> Result<AccessToken, SigningFault> {
        let Identity {
            user_id,
            session_id,
        } = identity;
        let expires = now.plus_seconds(Self::SECONDS);
        Ok(AccessToken {
            token: format!("{user_id}/{session_id}/{expires}"),
            expires_in: Self::SECONDS,
        })
    }

    fn verify(&self, token: &str, now: Timestamp) -> Result<Identity, TokenRefused> {
        let (identity, expires) = parse::<Timestamp>(token).ok_or(TokenRefused)?;
        if now < expires {
            Ok(identity)
        } else {
            Err(TokenRefused)
        }
    }
}

/// Readable device proofs with identity and expiry.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlainDeviceProofs;

impl PlainDeviceProofs {
    /// Seconds for which a proof is valid.
    pub const SECONDS: i64 = 400 * 86_400;
}

impl DeviceProofs for PlainDeviceProofs {
    fn issue(&self, session: Identity, now: Timestamp) -> String {
        let Identity {
            user_id,
            session_id,
        } = session;
        format!("{user_id}/{session_id}/{}", now.plus_seconds(Self::SECONDS))
    }

    fn verify(&self, proof: &str, now: Timestamp) -> Option<Identity> {
        let (session, expires) = parse::<Timestamp>(proof)?;
        (now < expires).then_some(session)
    }
}

/// Readable refresh tokens with identity and number.
#[derive(Clone, Copy, Debug, Default)]
pub struct CountedRefreshTokens;

impl CountedRefreshTokens {
    fn nth(identity: Identity, nth: u64) -> String {
        format!("{}/{}/{nth}", identity.user_id, identity.session_id)
    }

    fn hash(identity: Identity, nth: u64) -> TokenHash {
        let mut hash = [0; 32];
        // Session and number make every hash unique, as a real hash would be.
        hash[..16].copy_from_slice(identity.session_id.uuid().as_bytes());
        hash[16..24].copy_from_slice(&nth.to_be_bytes());
        TokenHash::new(hash)
    }
}

impl RefreshTokens for CountedRefreshTokens {
    fn mint(&self, identity: Identity) -> NewRefreshToken {
        NewRefreshToken {
            token: Self::nth(identity, 0),
            hash: Self::hash(identity, 0),
        }
    }

    fn read(&self, token: &str, nonce: Option<&str>) -> Option<PresentedToken> {
        let (identity, nth) = parse(token)?;
        let tokens = (Self::hash(identity, nth), Self::hash(identity, nth + 1));
        Some(PresentedToken {
            identity,
            presented: Presented {
                nonce: nonce.map(hash_of_nonce),
                ..Presented::new(tokens.0, tokens.1)
            },
            successor: Self::nth(identity, nth + 1),
            former_successors: Vec::new(),
        })
    }
}

/// Readable invitation codes, numbered from 1.
#[derive(Debug, Default)]
pub struct CountedInvitations(AtomicU8);

impl InvitationCodes for CountedInvitations {
    fn mint(&self) -> NewInvitation {
        let number = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        NewInvitation {
            code: format!("invitation-{number}"),
            hash: TokenHash::new([number; 32]),
        }
    }

    fn read(&self, code: &str) -> Option<TokenHash> {
        let number = code.strip_prefix("invitation-")?.parse().ok()?;
        Some(TokenHash::new([number; 32]))
    }
}

/// Returns the first 32 bytes of a nonce.
fn hash_of_nonce(nonce: &str) -> TokenHash {
    let mut hash = [0; 32];
    for (byte, text) in hash.iter_mut().zip(nonce.bytes()) {
        *byte = text;
    }
    TokenHash::new(hash)
}

fn parse<T: std::str::FromStr>(token: &str) -> Option<(Identity, T)> {
    let mut parts = token.splitn(3, '/');
    let mut id = || parts.next().and_then(|part| Uuid::parse_str(part).ok());
    let identity = Identity {
        user_id: UserId::new(id()?),
        session_id: SessionId::new(id()?),
    };
    Some((identity, parts.next()?.parse().ok()?))
}

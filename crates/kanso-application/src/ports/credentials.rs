//! Passwords and tokens.

use async_trait::async_trait;
use kanso_domain::accounts::{Password, PasswordHash};
use kanso_domain::sessions::{Presented, TokenHash};
use kanso_domain::{SessionId, Timestamp, UserId};

/// The reason why a password could not be hashed or checked.
#[derive(Debug, thiserror::Error)]
pub enum PasswordFault {
    /// The queue of password checks is full. Try again shortly.
    #[error("too many passwords are being checked")]
    Busy,
    /// A stored hash is malformed, or the hasher failed.
    #[error("a password could not be hashed")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The data for the check of a log-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Id of the account.
    pub user_id: UserId,
    /// Hash of the password.
    pub password_hash: PasswordHash,
    /// True if the operator has disabled the account.
    pub is_disabled: bool,
}

/// The outcome of a password check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PasswordCheck {
    /// Wrong password, or no such account.
    Wrong,
    /// Right password.
    Right,
    /// Right password. Its hash should be replaced by this stronger one.
    RightRehashed(PasswordHash),
}

/// Hashes passwords. This is slow on purpose, and the number of simultaneous hashes is bounded.
#[async_trait]
pub trait Passwords: Send + Sync {
    /// Returns the hash to store for `password`.
    async fn hash(&self, password: Password) -> Result<PasswordHash, PasswordFault>;

    /// Compares `password` with the stored hash.
    ///
    /// Without an account (`None`) this takes the same time and returns [`PasswordCheck::Wrong`].
    async fn check(
        &self,
        password: Password,
        stored: Option<PasswordHash>,
    ) -> Result<PasswordCheck, PasswordFault>;
}

/// Keyed, deterministic pseudonyms for values that are stored where others can read them, for
/// example in Redis.
///
/// Without the key of the server a pseudonym can be neither reversed nor found by trying values.
pub trait Pseudonyms: Send + Sync {
    /// Returns the pseudonym of `value`, such as an e-mail or network address, in letters and
    /// digits.
    fn name(&self, value: &str) -> String;
}

/// The account and the session of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Account.
    pub user_id: UserId,
    /// Session from which the token descends.
    pub session_id: SessionId,
}

/// A new access token.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken {
    /// Token, a compact JWS.
    pub token: String,
    /// Seconds until it expires.
    pub expires_in: i64,
}

/// The error for an access token that is not accepted. It does not say which rule the token broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the access token is not valid")]
pub struct TokenRefused;

/// The error for a token that could not be signed.
#[derive(Debug, thiserror::Error)]
#[error("an access token could not be signed")]
pub struct SigningFault(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Signs and verifies access tokens (RFC 7519).
pub trait AccessTokens: Send + Sync {
    /// Signs a token for `identity` that is valid from `now`.
    fn issue(&self, identity: Identity, now: Timestamp) -> Result<AccessToken, SigningFault>;

    /// Returns the identity of a token if its signature, issuer, audience and times are valid at
    /// `now`.
    fn verify(&self, token: &str, now: Timestamp) -> Result<Identity, TokenRefused>;
}

/// The parts of a refresh token that a client presented.
#[derive(Clone, PartialEq, Eq)]
pub struct PresentedToken {
    /// Account and session of the token.
    pub identity: Identity,
    /// Hashes of the token and of what can follow it.
    pub presented: Presented,
    /// Successor, to return to the client.
    pub successor: String,
    /// Successors under former keys, and as a server of 0.1.0 derives them, in the order of
    /// [`Presented::former_successors`].
    pub former_successors: Vec<String>,
}

impl PresentedToken {
    /// Returns the successor with this hash.
    pub fn successor_with(self, hash: TokenHash) -> Option<String> {
        if self.presented.successor == hash {
            return Some(self.successor);
        }
        let former = self.presented.former_successors.iter();
        let mut former = former.zip(self.former_successors);
        former.find_map(|(other, text)| (*other == hash).then_some(text))
    }
}

/// Creates and verifies device proofs: opaque texts that show that a device has logged in to an account.
///
/// A proof lets in no client: it only keeps the failures of others from slowing down its device
/// (ADR 0027). It stays valid when its session ends, because its purpose is the next log-in.
pub trait DeviceProofs: Send + Sync {
    /// Returns the proof, valid from `now`, of the device that opened or refreshed a session.
    fn issue(&self, session: Identity, now: Timestamp) -> String;

    /// Returns the session of a proof that this server issued and that is valid at `now`.
    fn verify(&self, proof: &str, now: Timestamp) -> Option<Identity>;
}

/// A new refresh token.
#[derive(Clone, PartialEq, Eq)]
pub struct NewRefreshToken {
    /// Token, to return to the client.
    pub token: String,
    /// Hash of the token, to store.
    pub hash: TokenHash,
}

/// Creates refresh tokens: opaque texts that show that the server issued them.
///
/// A token has only one possible successor, so a retry gets the same answer although only hashes
/// are stored (ADR 0003).
pub trait RefreshTokens: Send + Sync {
    /// Returns the first token of a session.
    fn mint(&self, identity: Identity) -> NewRefreshToken;

    /// Reads a token that was presented with `nonce`. Returns `None` if it is malformed.
    fn read(&self, token: &str, nonce: Option<&str>) -> Option<PresentedToken>;
}

//! Passwords and tokens.

use async_trait::async_trait;
use kanso_domain::accounts::{Password, PasswordHash};
use kanso_domain::sessions::{Presented, TokenHash};
use kanso_domain::{SessionId, Timestamp, UserId};

/// Why a password could not be hashed or compared.
#[derive(Debug, thiserror::Error)]
pub enum PasswordFault {
    /// So many people are logging in that the queue is full; try again shortly.
    #[error("too many passwords are being checked")]
    Busy,
    /// A stored hash is not one of ours, or the hasher failed.
    #[error("a password could not be hashed")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What a comparison found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PasswordCheck {
    /// It is another password, or there is no account.
    Wrong,
    /// It is the password.
    Right,
    /// It is the password, and the hash should be replaced by this stronger one.
    RightRehashed(PasswordHash),
}

/// Hashes passwords, slowly on purpose and never more at a time than the machine bears.
#[async_trait]
pub trait Passwords: Send + Sync {
    /// The hash to store for `password`.
    async fn hash(&self, password: Password) -> Result<PasswordHash, PasswordFault>;

    /// Compares `password` with what is stored. Without an account (`None`) this takes the same
    /// time and answers [`PasswordCheck::Wrong`].
    async fn check(
        &self,
        password: Password,
        stored: Option<PasswordHash>,
    ) -> Result<PasswordCheck, PasswordFault>;
}

/// Names under which something is remembered where others may look, such as in a Redis: always the
/// same for the same, and nobody without the server's key comes back from a name to what it stands
/// for, nor tries out what it might.
pub trait Pseudonyms: Send + Sync {
    /// The name of an e-mail address, a network address or the like, in letters and digits.
    fn name(&self, what: &str) -> String;
}

/// Who an access token speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The account.
    pub user_id: UserId,
    /// The log-in from which the token descends.
    pub session_id: SessionId,
}

/// An access token that was just signed.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken {
    /// The token, a compact JWS.
    pub token: String,
    /// Seconds until it expires.
    pub expires_in: i64,
}

/// An access token that is not accepted. Which rule it broke is not told to the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the access token is not valid")]
pub struct TokenRefused;

/// A token could not be signed.
#[derive(Debug, thiserror::Error)]
#[error("an access token could not be signed")]
pub struct SigningFault(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Signs and verifies access tokens (RFC 7519).
pub trait AccessTokens: Send + Sync {
    /// Signs a token for `identity` that is valid from `now`.
    fn issue(&self, identity: Identity, now: Timestamp) -> Result<AccessToken, SigningFault>;

    /// Whom a token speaks for, if its signature, issuer, audience and times hold at `now`.
    fn verify(&self, token: &str, now: Timestamp) -> Result<Identity, TokenRefused>;
}

/// A refresh token that a client presented, taken apart.
#[derive(Clone, PartialEq, Eq)]
pub struct PresentedToken {
    /// Whose session it names.
    pub identity: Identity,
    /// Its hash and its successor's.
    pub presented: Presented,
    /// The successor itself, to hand out.
    pub successor: String,
}

/// A refresh token that was just made.
#[derive(Clone, PartialEq, Eq)]
pub struct NewRefreshToken {
    /// The token to hand out.
    pub token: String,
    /// Its hash, to store.
    pub hash: TokenHash,
}

/// Makes refresh tokens: opaque, 256 bits, each the only possible successor of the one before, so
/// that a retry gets the same answer although only hashes are stored.
pub trait RefreshTokens: Send + Sync {
    /// The first token of a session.
    fn mint(&self, identity: Identity) -> NewRefreshToken;

    /// Takes a presented token apart; `None` when it is not of our form.
    fn read(&self, token: &str) -> Option<PresentedToken>;
}

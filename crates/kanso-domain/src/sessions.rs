//! Sessions: one log-in and the refresh tokens that descend from it.
//!
//! A refresh token is used once, and its use yields a successor (RFC 9700 §4.14.2). A client that
//! lost the answer sends the old token again and gets the same successor within [`GRACE_SECONDS`].
//! A later reuse means that two parties hold the same token, so the session ends.
//!
//! ```
//! use kanso_domain::sessions::{Presented, Refreshed, Session, TokenHash};
//! use kanso_domain::{SessionId, Timestamp, UserId};
//! use uuid::Uuid;
//!
//! let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
//! let hash = |byte| TokenHash::new([byte; 32]);
//! let session = Session {
//!     id: SessionId::new(Uuid::from_u128(1)),
//!     user_id: UserId::new(Uuid::from_u128(2)),
//!     current: hash(1),
//!     previous: None,
//!     created_at: at(0)?,
//!     expires_at: at(3_600)?,
//! };
//! let first = Presented { hash: hash(1), successor: hash(2) };
//! let Refreshed::Rotated(rotated) = session.refresh(first, at(100)?, 3_600) else {
//!     panic!("the current token is accepted");
//! };
//! assert!(matches!(rotated.clone().refresh(first, at(160)?, 3_600), Refreshed::Repeated(_)));
//! assert_eq!(rotated.refresh(first, at(161)?, 3_600), Refreshed::Reused);
//! # Ok::<(), kanso_domain::time::TimestampError>(())
//! ```

use std::fmt;

use crate::{SessionId, Timestamp, UserId};

/// Time in seconds for which a used refresh token yields its successor again.
pub const GRACE_SECONDS: i64 = 60;

/// Most open sessions of a user. A log-in beyond that ends the one that was not used for longest.
pub const MAX_SESSIONS: u32 = 100;

/// A one-way hash of a refresh token. The token itself is never stored.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// Wraps a 256-bit hash.
    pub const fn new(hash: [u8; 32]) -> Self {
        Self(hash)
    }

    /// Returns the hash.
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

/// The hashes of a presented refresh token and of the token that follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presented {
    /// Hash of the presented token.
    pub hash: TokenHash,
    /// Hash of the only token that can follow it.
    pub successor: TokenHash,
}

/// One log-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Id of the session. Access tokens contain it.
    pub id: SessionId,
    /// User of the session.
    pub user_id: UserId,
    /// Refresh token that is valid now.
    pub current: TokenHash,
    /// Token that was used last, with the time of its use.
    pub previous: Option<(TokenHash, Timestamp)>,
    /// Time of the log-in.
    pub created_at: Timestamp,
    /// Time from which the current token is refused.
    pub expires_at: Timestamp,
}

/// The outcome of a refresh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refreshed {
    /// The token was current, and its successor now is. Store this session.
    Rotated(Session),
    /// The token was used within the grace. Return the same successor again and change nothing.
    Repeated(Session),
    /// The token was used before, and the grace is over. End the session.
    Reused,
    /// The session has expired. End it.
    Expired,
}

impl Session {
    /// Uses the presented token at `now`. A rotated session is valid for `lifetime_seconds` more.
    pub fn refresh(self, presented: Presented, now: Timestamp, lifetime_seconds: i64) -> Refreshed {
        // First of all, even for a token in its grace: an expired session cannot be prolonged.
        if now >= self.expires_at {
            return Refreshed::Expired;
        }
        if presented.hash == self.current {
            return Refreshed::Rotated(Self {
                current: presented.successor,
                previous: Some((presented.hash, now)),
                expires_at: now.plus_seconds(lifetime_seconds),
                ..self
            });
        }
        match self.previous {
            Some((previous, used_at))
                // The successor must still be current. If it was used too, the client has received
                // it, so a second party holds the old token.
                if previous == presented.hash
                    && presented.successor == self.current
                    && now <= used_at.plus_seconds(GRACE_SECONDS) =>
            {
                Refreshed::Repeated(self)
            }
            _ => Refreshed::Reused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const T1: Presented = Presented {
        hash: TokenHash([1; 32]),
        successor: TokenHash([2; 32]),
    };
    const T2: Presented = Presented {
        hash: TokenHash([2; 32]),
        successor: TokenHash([3; 32]),
    };
    const MONTH: i64 = 30 * 86_400;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000).expect("in range")
    }

    fn session() -> Session {
        Session {
            id: SessionId::new(Uuid::from_u128(1)),
            user_id: UserId::new(Uuid::from_u128(2)),
            current: T1.hash,
            previous: None,
            created_at: at(0),
            expires_at: at(MONTH),
        }
    }

    fn rotated(presented: Presented, session: Session, now: i64) -> Session {
        match session.refresh(presented, at(now), MONTH) {
            Refreshed::Rotated(session) => session,
            other => panic!("expected a rotation, got {other:?}"),
        }
    }

    #[test]
    fn a_used_token_yields_its_successor_for_sixty_seconds() {
        let session = rotated(T1, session(), 100);
        assert_eq!(
            session.clone().refresh(T1, at(160), MONTH),
            Refreshed::Repeated(session)
        );
    }

    #[test]
    fn reuse_after_the_grace_ends_the_session() {
        let session = rotated(T1, session(), 100);
        assert_eq!(session.refresh(T1, at(161), MONTH), Refreshed::Reused);
    }

    #[test]
    fn a_token_whose_successor_was_used_ends_the_session() {
        let session = rotated(T2, rotated(T1, session(), 100), 110);
        assert_eq!(session.refresh(T1, at(111), MONTH), Refreshed::Reused);
    }

    #[test]
    fn an_expired_session_stays_expired() {
        assert_eq!(session().refresh(T1, at(MONTH), MONTH), Refreshed::Expired);
        let renewed = rotated(T1, session(), MONTH - 1);
        assert!(matches!(
            renewed.refresh(T2, at(MONTH), MONTH),
            Refreshed::Rotated(_)
        ));
    }
}

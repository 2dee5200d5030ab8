//! Sessions: one log-in and the refresh tokens that descend from it.
//!
//! A refresh token is used once; its use yields a successor (RFC 9700 §4.14.2). A client that
//! never saw the answer asks again with the old token, and gets the same successor for
//! [`GRACE_SECONDS`]. Later reuse means that two parties hold the same token, so the session ends.

use std::fmt;

use crate::{SessionId, Timestamp, UserId};

/// How long a used refresh token still yields its successor again, in seconds.
pub const GRACE_SECONDS: i64 = 60;

/// A one-way hash of a refresh token; the token itself is never stored.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// Wraps a 256-bit hash.
    pub const fn new(hash: [u8; 32]) -> Self {
        Self(hash)
    }

    /// The hash.
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

/// A refresh token that was presented, and the one that follows it. Both as hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presented {
    /// The hash of the presented token.
    pub hash: TokenHash,
    /// The hash of the only token that may follow it.
    pub successor: TokenHash,
}

/// One log-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The session's id; it is also in the access tokens.
    pub id: SessionId,
    /// Whose session it is.
    pub user_id: UserId,
    /// The refresh token that is good now.
    pub current: TokenHash,
    /// The token that was used up last, and when.
    pub previous: Option<(TokenHash, Timestamp)>,
    /// When the person logged in.
    pub created_at: Timestamp,
    /// After this instant the current token is no longer accepted.
    pub expires_at: Timestamp,
}

/// What becomes of a session when a refresh token is presented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refreshed {
    /// The token was current: the successor now is. Store this session.
    Rotated(Session),
    /// The token was used moments ago: hand out the same successor again, change nothing.
    Repeated(Session),
    /// The token was used before and the grace is over: end the session.
    Reused,
    /// The session has run out: end it.
    Expired,
}

impl Session {
    /// Uses up the presented token at `now`; a rotated session lives `lifetime_seconds` more.
    pub fn refresh(self, presented: Presented, now: Timestamp, lifetime_seconds: i64) -> Refreshed {
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

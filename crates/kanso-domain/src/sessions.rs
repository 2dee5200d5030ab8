//! Sessions: one log-in and the refresh tokens that descend from it.
//!
//! A refresh token is used once, and its use yields a successor (RFC 9700 §4.14.2). A client that
//! lost the answer sends the old token again and gets the same successor within [`GRACE_SECONDS`].
//! A later reuse means that two parties hold the same token, so the session ends.
//!
//! ```
//! use kanso_domain::sessions::{Presented, Refreshed, Session, SessionLimits, TokenHash};
//! use kanso_domain::{SessionId, Timestamp, UserId};
//! use uuid::Uuid;
//!
//! let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
//! let hash = |byte| TokenHash::new([byte; 32]);
//! let limits = SessionLimits { idle_seconds: 3_600, lifetime_seconds: 7_200, ..SessionLimits::default() };
//! let ids = (SessionId::new(Uuid::from_u128(1)), UserId::new(Uuid::from_u128(2)));
//! let session = Session::begun(ids.0, ids.1, hash(1), at(0)?, limits);
//! let first = Presented::new(hash(1), hash(2));
//! let Refreshed::Rotated(rotated) = session.refresh(&first, at(100)?, limits) else {
//!     panic!("the current token is accepted");
//! };
//! assert!(matches!(rotated.clone().refresh(&first, at(160)?, limits), Refreshed::Repeated(_)));
//! assert_eq!(rotated.refresh(&first, at(161)?, limits), Refreshed::Reused);
//! # Ok::<(), kanso_domain::time::TimestampError>(())
//! ```

use std::fmt;

use crate::{DeviceId, SessionId, Timestamp, UserId};

/// Time in seconds for which a used refresh token yields its successor again.
pub const GRACE_SECONDS: i64 = 60;

const DAY: i64 = 86_400;

/// Bounds of the sessions of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionLimits {
    /// Seconds after which an unused session expires.
    pub idle_seconds: i64,
    /// Seconds after the log-in at which every session expires.
    pub lifetime_seconds: i64,
    /// Most open sessions of an account. A log-in beyond that ends the one that was not used for
    /// longest.
    pub most: u32,
}

impl Default for SessionLimits {
    /// 90 days without a use, so that a device that was off for three months can still sync, a year in
    /// all, and 100 sessions.
    fn default() -> Self {
        Self {
            idle_seconds: 90 * DAY,
            lifetime_seconds: 365 * DAY,
            most: 100,
        }
    }
}

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

/// A presented refresh token, as hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presented {
    /// Hash of the presented token.
    pub hash: TokenHash,
    /// Hash of the token that follows it.
    pub successor: TokenHash,
    /// Hashes of the tokens that followed it under former keys, and on a server of 0.1.0.
    pub former_successors: Vec<TokenHash>,
    /// True if the token shows that the server issued it. A token of 0.1.0 does not show it.
    pub is_issued: bool,
    /// Hash of the nonce that the client sent with the token.
    pub nonce: Option<TokenHash>,
    /// True if the session keeps the nonce. It must not while a server of 0.1.0 may run on the database:
    /// that one would leave the nonce of an earlier refresh.
    pub keeps_nonce: bool,
}

impl Presented {
    /// Returns an issued token without a nonce.
    pub const fn new(hash: TokenHash, successor: TokenHash) -> Self {
        Self {
            hash,
            successor,
            former_successors: Vec::new(),
            is_issued: true,
            nonce: None,
            keeps_nonce: true,
        }
    }

    fn is_followed_by(&self, current: TokenHash) -> bool {
        self.successor == current || self.former_successors.contains(&current)
    }
}

/// Longest text of a [`Label`], in characters.
pub const MAX_LABEL: usize = 100;

/// A text with which a client describes itself, such as its `User-Agent`: without control characters,
/// and cut to [`MAX_LABEL`] characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label(String);

impl Label {
    /// Cuts `text` to a label; `None` if nothing is left.
    ///
    /// ```
    /// use kanso_domain::sessions::Label;
    ///
    /// assert_eq!(Label::cut(" kanso/0.2\n").map(|label| label.as_str().to_owned()), Some("kanso/0.2".into()));
    /// assert_eq!(Label::cut("\u{7}"), None);
    /// ```
    pub fn cut(text: &str) -> Option<Self> {
        let kept: String = text
            .chars()
            .filter(|character| !is_hidden(*character))
            .take(MAX_LABEL)
            .collect();
        let kept = kept.trim();
        (!kept.is_empty()).then(|| Self(kept.to_owned()))
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Returns true for control characters and for marks that change the direction of the text after them:
/// a list of sessions must show what it stores.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Description of a client by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionOrigin {
    /// Program, from its `User-Agent`.
    pub client: Option<Label>,
    /// Name of the device, from the log-in.
    pub device_name: Option<Label>,
    /// Device that synced in this session last.
    pub device: Option<DeviceId>,
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
    /// Nonce with which `previous` was used.
    pub nonce: Option<TokenHash>,
    /// Time of the log-in.
    pub created_at: Timestamp,
    /// Time from which the current token is refused.
    pub expires_at: Timestamp,
    /// Description of the client by itself.
    pub origin: SessionOrigin,
}

/// The outcome of a refresh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refreshed {
    /// The token was current, and its successor now is. Store this session.
    Rotated(Session),
    /// The token was used within the grace. Return the current token again and change nothing.
    Repeated(Session),
    /// The token was used before, and the grace is over or belongs to another client. End the session.
    Reused,
    /// Nothing shows that the server issued the token. Refuse it and change nothing: the ids in a token
    /// are not secret, and an invented one must not end a session.
    Unknown,
    /// The session has expired. End it.
    Expired,
}

impl Session {
    /// Returns a session that begins at `now`, of a client that said nothing about itself.
    pub fn begun(
        id: SessionId,
        user_id: UserId,
        current: TokenHash,
        now: Timestamp,
        limits: SessionLimits,
    ) -> Self {
        Self {
            id,
            user_id,
            current,
            previous: None,
            nonce: None,
            created_at: now,
            expires_at: now.plus_seconds(limits.idle_seconds.min(limits.lifetime_seconds)),
            origin: SessionOrigin::default(),
        }
    }

    /// Returns the time of the last refresh, or of the log-in. A client in use refreshes whenever its
    /// access token expires.
    pub fn last_seen_at(&self) -> Timestamp {
        self.previous.map_or(self.created_at, |(_, at)| at)
    }

    /// Uses the presented token at `now`.
    pub fn refresh(
        self,
        presented: &Presented,
        now: Timestamp,
        limits: SessionLimits,
    ) -> Refreshed {
        let end = self.created_at.plus_seconds(limits.lifetime_seconds);
        // First of all, even for a token in its grace: an expired session cannot be prolonged.
        if now >= self.expires_at.min(end) {
            return Refreshed::Expired;
        }
        if presented.hash == self.current {
            return Refreshed::Rotated(Self {
                current: presented.successor,
                previous: Some((presented.hash, now)),
                nonce: presented.nonce.filter(|_| presented.keeps_nonce),
                expires_at: now.plus_seconds(limits.idle_seconds).min(end),
                ..self
            });
        }
        match self.previous {
            Some((previous, used_at)) if previous == presented.hash => {
                // The successor must still be current. If it was used too, the client has received
                // it, so a second party holds the old token.
                let is_retry = presented.is_followed_by(self.current)
                    && now <= used_at.plus_seconds(GRACE_SECONDS)
                    && self
                        .nonce
                        .is_none_or(|nonce| presented.nonce == Some(nonce));
                if is_retry {
                    Refreshed::Repeated(self)
                } else {
                    Refreshed::Reused
                }
            }
            _ if presented.is_issued => Refreshed::Reused,
            _ => Refreshed::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const MONTH: i64 = 30 * DAY;
    const LIMITS: SessionLimits = SessionLimits {
        idle_seconds: MONTH,
        lifetime_seconds: 4 * MONTH,
        most: 100,
    };

    const fn hash(number: u8) -> TokenHash {
        TokenHash([number; 32])
    }

    /// Returns the token with this number; its successor has the next number.
    const fn token(number: u8) -> Presented {
        Presented::new(hash(number), hash(number + 1))
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000).expect("in range")
    }

    fn session() -> Session {
        let id = SessionId::new(Uuid::from_u128(1));
        let user = UserId::new(Uuid::from_u128(2));
        Session::begun(id, user, hash(1), at(0), LIMITS)
    }

    fn rotated(presented: &Presented, session: Session, now: i64) -> Session {
        match session.refresh(presented, at(now), LIMITS) {
            Refreshed::Rotated(session) => session,
            other => panic!("expected a rotation, got {other:?}"),
        }
    }

    #[test]
    fn a_used_token_yields_its_successor_for_sixty_seconds() {
        let session = rotated(&token(1), session(), 100);
        assert_eq!(
            session.clone().refresh(&token(1), at(160), LIMITS),
            Refreshed::Repeated(session)
        );
    }

    #[test]
    fn reuse_after_the_grace_ends_the_session() {
        let session = rotated(&token(1), session(), 100);
        assert_eq!(
            session.refresh(&token(1), at(161), LIMITS),
            Refreshed::Reused
        );
    }

    #[test]
    fn a_token_whose_successor_was_used_ends_the_session() {
        let session = rotated(&token(2), rotated(&token(1), session(), 100), 110);
        assert_eq!(
            session.refresh(&token(1), at(111), LIMITS),
            Refreshed::Reused
        );
    }

    #[test]
    fn an_invented_token_changes_nothing() {
        let invented = Presented {
            is_issued: false,
            ..token(9)
        };
        let used = rotated(&token(1), session(), 100);
        for session in [session(), used] {
            assert_eq!(
                session.refresh(&invented, at(101), LIMITS),
                Refreshed::Unknown
            );
        }
    }

    #[test]
    fn a_token_that_does_not_show_its_issuer_is_good_while_it_is_known() {
        let old = |number| Presented {
            is_issued: false,
            ..token(number)
        };
        let used = rotated(&old(1), session(), 100);
        assert!(matches!(
            used.clone().refresh(&old(1), at(160), LIMITS),
            Refreshed::Repeated(_)
        ));
        assert_eq!(used.refresh(&old(1), at(161), LIMITS), Refreshed::Reused);
    }

    #[test]
    fn a_retry_may_cross_a_change_of_keys() {
        let used = rotated(&token(1), session(), 100);
        let retry = Presented {
            successor: hash(7),
            former_successors: vec![hash(8), hash(2)],
            ..token(1)
        };
        assert!(matches!(
            used.refresh(&retry, at(101), LIMITS),
            Refreshed::Repeated(_)
        ));
    }

    #[test]
    fn the_grace_belongs_to_the_nonce_of_the_first_use() {
        let with = |nonce: Option<u8>| Presented {
            nonce: nonce.map(hash),
            ..token(1)
        };
        for (first, again, is_retry) in [
            (Some(50), Some(50), true),
            (Some(50), Some(51), false),
            (Some(50), None, false),
            (None, None, true),
            (None, Some(50), true),
        ] {
            let used = rotated(&with(first), session(), 100);
            let outcome = used.clone().refresh(&with(again), at(101), LIMITS);
            let expected = if is_retry {
                Refreshed::Repeated(used)
            } else {
                Refreshed::Reused
            };
            assert_eq!(outcome, expected, "{first:?} {again:?}");
        }
    }

    /// After the mixed phase the servers restart one by one, and a retry may reach one that has not.
    #[test]
    fn a_server_that_keeps_no_nonce_compares_the_one_of_another_server() {
        let with = |nonce: u8, keeps_nonce| Presented {
            nonce: Some(hash(nonce)),
            keeps_nonce,
            ..token(1)
        };
        let kept = rotated(&with(50, true), session(), 100);
        let again = kept.clone().refresh(&with(50, false), at(101), LIMITS);
        assert_eq!(again, Refreshed::Repeated(kept.clone()));
        let stolen = kept.refresh(&with(51, false), at(101), LIMITS);
        assert_eq!(stolen, Refreshed::Reused);
        let unkept = rotated(&with(50, false), session(), 100);
        assert_eq!(unkept.nonce, None);
        let again = unkept.clone().refresh(&with(50, true), at(101), LIMITS);
        assert_eq!(again, Refreshed::Repeated(unkept));
    }

    #[test]
    fn an_expired_session_stays_expired() {
        assert_eq!(
            session().refresh(&token(1), at(MONTH), LIMITS),
            Refreshed::Expired
        );
        let renewed = rotated(&token(1), session(), MONTH - 1);
        assert!(matches!(
            renewed.refresh(&token(2), at(MONTH), LIMITS),
            Refreshed::Rotated(_)
        ));
    }

    #[test]
    fn no_use_prolongs_a_session_beyond_its_lifetime() {
        let mut used = session();
        for month in 1..=4 {
            let number = u8::try_from(month).expect("small");
            used = rotated(&token(number), used, month * (MONTH - 1));
        }
        assert_eq!(used.expires_at, at(4 * MONTH));
        let late = used.clone().refresh(&token(5), at(4 * MONTH), LIMITS);
        assert_eq!(late, Refreshed::Expired);
        // A session of a server without this bound.
        let endless = Session {
            expires_at: at(40 * MONTH),
            ..used
        };
        let late = endless.refresh(&token(5), at(4 * MONTH), LIMITS);
        assert_eq!(late, Refreshed::Expired);
    }

    #[test]
    fn a_label_is_short_and_shows_all_of_itself() {
        let label = |text: &str| Label::cut(text).map(|label| label.0);
        assert_eq!(label("curl/8"), Some("curl/8".to_owned()));
        assert_eq!(label("a\r\nb\u{202e}c"), Some("abc".to_owned()));
        assert_eq!(label(&"é".repeat(200)), Some("é".repeat(MAX_LABEL)));
        assert_eq!(label("  \t "), None);
    }
}

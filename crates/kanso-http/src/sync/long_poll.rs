//! A pull that waits until there is something new.

use std::time::Duration;

use http::HeaderMap;
use kanso_domain::sync::{Cursor, Head};
use kanso_domain::{FieldError, Seq, UserId};
use kanso_protocol::MAX_WAIT_MS;
use tokio::time::sleep;

use super::cursor::is_known;
use crate::parts::Api;
use crate::problem::{ApiError, Code};

/// How long a caller is ready to wait, and for what at least. The longest wait leaves five of the
/// thirty seconds that an answer may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Waiting {
    patience: Duration,
    min_seq: Seq,
}

/// What a caller has already: whatever is beyond it is news.
pub(super) enum Has<'a> {
    /// It does not wait for news.
    NoMatter,
    /// What comes before a cursor, or nothing; and the answers with the tags in these headers.
    Read(Option<Cursor>, Option<&'a HeaderMap>),
}

impl Waiting {
    /// What the parameters of a query say.
    pub(super) fn of_query(wait_ms: Option<&str>, min_seq: Option<&str>) -> Result<Self, ApiError> {
        let wait_ms = wait_ms.map(|text| text.parse().unwrap_or(u32::MAX));
        let min_seq = min_seq.map(|text| text.parse().unwrap_or(-1));
        Self::read(wait_ms, min_seq, Code::InvalidParameter)
    }

    /// What the members of a body say.
    pub(super) fn of_body(wait_ms: Option<u32>, min_seq: Option<i64>) -> Result<Self, ApiError> {
        Self::read(wait_ms, min_seq, Code::Invalid)
    }

    fn read(wait_ms: Option<u32>, min_seq: Option<i64>, code: Code) -> Result<Self, ApiError> {
        let refused = |field: &'static str, reason: String| {
            ApiError::members(code, &[FieldError::new(field, reason)])
        };
        let wait_ms = wait_ms.unwrap_or(0);
        if wait_ms > MAX_WAIT_MS {
            let reason = format!("must be a number between 0 and {MAX_WAIT_MS}");
            return Err(refused("wait_ms", reason));
        }
        let min_seq = Seq::new(min_seq.unwrap_or(0));
        Ok(Self {
            patience: Duration::from_millis(wait_ms.into()),
            min_seq: min_seq
                .ok_or_else(|| refused("min_seq", "must be a number, not negative".to_owned()))?,
        })
    }

    /// Waits until the history has what the caller waits for, the time is up, or the server is
    /// about to stop. Only a history that is not even at `min_seq` then is a refusal.
    pub(super) async fn wait(self, api: &Api, user: UserId, has: Has<'_>) -> Result<(), ApiError> {
        if self.patience.is_zero() && self.min_seq == Seq::ZERO {
            return Ok(());
        }
        let mut following = api.live.follow(user).await?;
        let wanted = has.next(following.head()).max(self.min_seq);
        tokio::select! {
            biased;
            () = following.reach(wanted) => {}
            () = api.draining.cancelled() => {}
            () = sleep(self.patience) => {}
        }
        if following.newest() < self.min_seq {
            return Err(Code::Behind.into());
        }
        Ok(())
    }
}

impl Has<'_> {
    /// The first position that would be news where the history stands at `head`.
    fn next(&self, head: Head) -> Seq {
        let Self::Read(cursor, headers) = self else {
            return Seq::ZERO;
        };
        match cursor {
            // Nothing comes after such a cursor; the pull says why.
            Some(cursor) if cursor.since(head).is_err() => Seq::ZERO,
            _ if headers.is_some_and(|headers| is_known(headers, head)) => head.seq.next(),
            Some(cursor) => cursor.seq.next(),
            None => Seq::ZERO.next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_wait_leaves_time_for_the_answer() {
        let longest = Duration::from_millis(MAX_WAIT_MS.into());
        let allowed = crate::Options::default().time_limit;
        assert!(longest + Duration::from_secs(5) <= allowed);
    }

    #[test]
    fn a_wait_is_bounded_and_a_position_is_not_negative() {
        for (wait_ms, min_seq, is_good) in [
            (None, None, true),
            (Some("0"), Some("0"), true),
            (Some("25000"), Some("9"), true),
            (Some("25001"), None, false),
            (Some("-1"), None, false),
            (Some(""), None, false),
            (Some("1.5"), None, false),
            (None, Some("-1"), false),
            (None, Some("x"), false),
        ] {
            let read = Waiting::of_query(wait_ms, min_seq);
            assert_eq!(read.is_ok(), is_good, "{wait_ms:?} {min_seq:?}");
        }
    }
}

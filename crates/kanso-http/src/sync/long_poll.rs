//! Long polling: a pull that waits until there is a change.

use std::time::Duration;

use http::HeaderMap;
use kanso_domain::sync::{Cursor, Head};
use kanso_domain::{FieldError, Seq, UserId};
use kanso_protocol::MAX_WAIT_MS;
use tokio::time::sleep;

use super::cursor::matches_head;
use crate::parts::Api;
use crate::problem::{ApiError, Code};
use crate::request::number;

/// The maximum time to wait, and the position that must be reached.
///
/// An answer may take 30 seconds. The longest wait is 25 seconds, which leaves 5 for the pull itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LongPoll {
    max_wait: Duration,
    min_seq: Seq,
}

/// The change that a request waits for.
pub(super) enum WaitFor<'a> {
    /// No change: the request waits for `min_seq` only.
    Nothing,
    /// A change after the cursor, or after the answer that `If-None-Match` in the headers names.
    /// Without a cursor, the client has no data.
    Change(Option<Cursor>, Option<&'a HeaderMap>),
}

impl LongPoll {
    /// Reads the parameters of a query.
    pub(super) fn of_query(wait_ms: Option<&str>, min_seq: Option<&str>) -> Result<Self, ApiError> {
        // A text that is not a number becomes a value that the check below refuses.
        let wait_ms = wait_ms.map(|text| number(text).unwrap_or(u32::MAX));
        let min_seq = min_seq.map(|text| number(text).unwrap_or(-1));
        Self::read(wait_ms, min_seq, Code::InvalidParameter)
    }

    /// Reads the members of a body.
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
            max_wait: Duration::from_millis(wait_ms.into()),
            min_seq: min_seq
                .ok_or_else(|| refused("min_seq", "must be a number, not negative".to_owned()))?,
        })
    }

    /// Returns true if the request does not wait.
    pub(super) const fn is_immediate(self) -> bool {
        self.max_wait.is_zero() && self.min_seq.get() == 0
    }

    /// Waits until the change is there, the time is up, or the server begins to shut down.
    ///
    /// # Errors
    /// [`Code::Behind`] if the history has not reached `min_seq` by then. A wait without a change is
    /// not an error: the pull then returns an empty page.
    pub(super) async fn wait(
        self,
        api: &Api,
        user: UserId,
        wait_for: WaitFor<'_>,
    ) -> Result<(), ApiError> {
        // The common pull waits for nothing and must not cost a subscription or a read.
        if self.is_immediate() {
            return Ok(());
        }
        // It subscribes before it reads the head, so no commit between the two is missed.
        let mut following = api.live.follow(user).await?;
        let wanted = wait_for.next(following.head()).max(self.min_seq);
        tokio::select! {
            // Biased: if the change and the end of the time come together, the change wins.
            biased;
            () = following.wait_for(wanted) => {}
            // A shutdown waits for open requests, and these would take up to 25 seconds.
            () = api.draining.cancelled() => {}
            () = sleep(self.max_wait) => {}
        }
        if following.newest() < self.min_seq {
            return Err(Code::Behind.into());
        }
        Ok(())
    }
}

impl WaitFor<'_> {
    /// Returns the first position that is new to the client, if the history is at `head`.
    fn next(&self, head: Head) -> Seq {
        let Self::Change(cursor, headers) = self else {
            return Seq::ZERO;
        };
        match cursor {
            // No change comes after such a cursor; the pull returns the reason at once.
            Some(cursor) if cursor.since(head).is_err() => Seq::ZERO,
            // The client has the newest answer, so only the next change is new, even if its cursor is older.
            _ if headers.is_some_and(|headers| matches_head(headers, head)) => head.seq.next(),
            Some(cursor) => cursor.seq.next(),
            // Without data, the first change of all is new: the pull answers at once if there is one.
            None => Seq::ZERO.next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longest_wait_leaves_time_for_the_answer() {
        let longest = Duration::from_millis(MAX_WAIT_MS.into());
        let allowed = crate::Options::default().time_limit;
        assert!(longest + Duration::from_secs(5) <= allowed);
    }

    #[test]
    fn wait_is_bounded_and_position_is_not_negative() {
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
            let read = LongPoll::of_query(wait_ms, min_seq);
            assert_eq!(read.is_ok(), is_good, "{wait_ms:?} {min_seq:?}");
        }
    }
}

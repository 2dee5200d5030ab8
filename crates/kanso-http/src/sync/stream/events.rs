//! The events of a stream and their timing.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::time::Duration;

use axum::body::Bytes;
use futures::{Stream, StreamExt as _};
use kanso_application::live::HeadSubscription;
use kanso_application::ports::credentials::Identity;
use kanso_domain::Seq;
use kanso_domain::sync::{Cursor, CursorRefusal, Head};
use kanso_protocol::sync::{Bye, HeadNotice, Resync};
use serde::Serialize;
use tokio::time::{Instant, sleep_until, timeout};

use super::slots::StreamSlot;
use crate::measure::{self, OpenStream};
use crate::parts::{Api, StreamIntervals};
use crate::problem::{ApiError, Code};

/// Maximum time of a session check. The stream sends no events meanwhile.
const SESSION_PATIENCE: Duration = Duration::from_secs(5);

/// After a `bye`, devices return after 1 to 5 seconds, spread evenly: all at once, they would hit the
/// servers that are left.
const SOONEST_RETURN_MS: u64 = 1_000;
const RETURN_SPREAD_MS: u64 = 4_000;

/// One event stream.
///
/// It is polled when the socket takes more bytes. So at most one event is in memory, and a slow client
/// gets the newest head and skips those between: only the newest matters.
pub(super) struct Events {
    api: Api,
    identity: Identity,
    following: Following,
    state: StreamState,
    next_heartbeat: Instant,
    next_session_check: Instant,
    slot: StreamSlot,
    _open: OpenStream,
}

enum StreamState {
    /// `hello` is not sent yet; has the reason if the cursor of the client cannot be used.
    Opening(Option<CursorRefusal>),
    Following,
    Closed,
}

impl Events {
    /// Opens a stream for `identity`, whose device has read up to `cursor`.
    pub(super) async fn begin(
        api: &Api,
        identity: Identity,
        cursor: Option<Cursor>,
    ) -> Result<Self, ApiError> {
        // The slot is first: a refused stream must not subscribe or read the storage.
        let slot = api.stream_slots().take(identity.user_id, &*api.ids).await?;
        let following = api.live.follow(identity.user_id).await?;
        let refusal = cursor.and_then(|cursor| cursor.since(following.head()).err());
        let StreamIntervals {
            heartbeat,
            session_check,
        } = api.options().stream_intervals;
        let now = Instant::now();
        Ok(Self {
            api: api.clone(),
            identity,
            following,
            state: StreamState::Opening(refusal),
            next_heartbeat: now + heartbeat,
            next_session_check: now + session_check,
            slot,
            _open: OpenStream::begin(),
        })
    }

    /// Returns the events as text.
    pub(super) fn into_stream(self) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
        futures::stream::unfold(self, async |mut events| {
            let text = events.next().await?;
            Some((Ok(Bytes::from(text)), events))
        })
        // The compression layer polls once more after the end, and `unfold` panics on that.
        .fuse()
    }

    /// Returns the next event, or `None` after a `bye` or the end of the session.
    async fn next(&mut self) -> Option<String> {
        // `Following` is the state after `hello`; `Closed` is set below and then reached here.
        match std::mem::replace(&mut self.state, StreamState::Following) {
            StreamState::Opening(refusal) => return Some(greeting(self.following.head(), refusal)),
            StreamState::Following => {}
            StreamState::Closed => return None,
        }
        tokio::select! {
            // Biased: a `bye` is sent even to a stream that always has a newer head, and a heartbeat
            // is not needed while there are notices.
            biased;
            () = self.api.draining.cancelled() => {
                self.state = StreamState::Closed;
                Some(self.bye())
            }
            head = self.following.newer() => {
                measure::count_notice();
                Some(event("poke", &notice(head)))
            }
            () = sleep_until(self.next_heartbeat) => {
                // From now and not from the planned time: after a long pause of the reader there is
                // one heartbeat and not a burst.
                self.next_heartbeat = Instant::now() + self.api.options().stream_intervals.heartbeat;
                // With each heartbeat: other servers free a slot that misses three renewals.
                self.slot.renew();
                let head = self.following.newest();
                // `None` ends the stream: without a session it must not report heads.
                self.session_is_open().await.then(|| event("heartbeat", &notice(head)))
            }
        }
    }

    /// Returns false if the session has ended. Asks at most once per `session_check`.
    ///
    /// If the storage does not answer, the stream stays open: an event has only a position, and the
    /// pull that follows is authenticated on its own.
    async fn session_is_open(&mut self) -> bool {
        // One read per minute and stream, and not one per heartbeat: there are thousands of streams.
        if Instant::now() < self.next_session_check {
            return true;
        }
        self.next_session_check =
            Instant::now() + self.api.options().stream_intervals.session_check;
        let is_open = self.api.accounts.is_open(self.identity);
        // A database that hangs must not silence the stream.
        match timeout(SESSION_PATIENCE, is_open).await {
            Ok(Ok(is_open)) => is_open,
            Ok(Err(_)) | Err(_) => true,
        }
    }

    fn bye(&self) -> String {
        // The lower half of a UUID of version 4 or 7 is random. The ids are a port, so a simulation
        // can repeat the number.
        let spread = self.api.ids.uuid().as_u64_pair().1 % RETURN_SPREAD_MS;
        let retry_ms = SOONEST_RETURN_MS + spread;
        // `retry` is for `EventSource` in browsers, which reconnects by itself (HTML standard §9.2.6).
        format!("retry: {retry_ms}\n{}", event("bye", &Bye { retry_ms }))
    }
}

fn notice(head: Seq) -> HeadNotice {
    HeadNotice { head: head.get() }
}

fn greeting(head: Head, refusal: Option<CursorRefusal>) -> String {
    let mut text = event("hello", &notice(head.seq));
    if let Some(refusal) = refusal {
        let resync = Resync {
            head: head.seq.get(),
            code: Code::from(refusal).as_str().to_owned(),
        };
        text.push_str(&event("resync", &resync));
    }
    text
}

/// Returns the text of an event. The data is one line, because compact JSON has no line breaks.
fn event(name: &str, data: &impl Serialize) -> String {
    // Structs of numbers and strings cannot fail to serialize.
    let data = serde_json::to_string(data).unwrap_or_default();
    let mut text = String::with_capacity(name.len() + data.len() + 16);
    // Writing to a string cannot fail.
    let _ = write!(text, "event: {name}\ndata: {data}\n\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_is_a_name_a_line_of_data_and_an_empty_line() {
        let head = Seq::new(8_816).expect("a position");
        let text = event("poke", &notice(head));
        assert_eq!(text, "event: poke\ndata: {\"head\":8816}\n\n");
    }
}

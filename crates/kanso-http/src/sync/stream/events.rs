//! What an event stream says, and when.

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
use crate::parts::{Api, Pace};
use crate::problem::{ApiError, Code};

/// How long to ask about a session: the rest of the stream waits meanwhile.
const SESSION_PATIENCE: Duration = Duration::from_secs(5);

/// After a `bye`, devices come back one to five seconds later, spread evenly.
const SOONEST_RETURN_MS: u64 = 1_000;
const RETURN_SPREAD_MS: u64 = 4_000;

/// One stream. It is polled when its reader has taken what was said before, so it never holds more
/// than one event, and that is the newest.
pub(super) struct Events {
    api: Api,
    identity: Identity,
    following: HeadSubscription,
    stage: Stage,
    next_heartbeat: Instant,
    next_session_check: Instant,
    slot: StreamSlot,
    _open: OpenStream,
}

enum Stage {
    /// It has not said where the history stands; and if the reader's cursor cannot be used, why.
    Greeting(Option<CursorRefusal>),
    Following,
    Over,
}

impl Events {
    /// A stream for `identity`, whose device holds `cursor`.
    pub(super) async fn begin(
        api: &Api,
        identity: Identity,
        cursor: Option<Cursor>,
    ) -> Result<Self, ApiError> {
        let slot = api.stream_slots().take(identity.user_id, &*api.ids).await?;
        let following = api.live.follow(identity.user_id).await?;
        let refusal = cursor.and_then(|cursor| cursor.since(following.head()).err());
        let Pace {
            heartbeat,
            session_check,
        } = api.options().pace;
        let now = Instant::now();
        Ok(Self {
            api: api.clone(),
            identity,
            following,
            stage: Stage::Greeting(refusal),
            next_heartbeat: now + heartbeat,
            next_session_check: now + session_check,
            slot,
            _open: OpenStream::begin(),
        })
    }

    /// Its events, as text.
    pub(super) fn into_stream(self) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
        futures::stream::unfold(self, async |mut events| {
            let text = events.next().await?;
            Some((Ok(Bytes::from(text)), events))
        })
        .fuse()
    }

    async fn next(&mut self) -> Option<String> {
        match std::mem::replace(&mut self.stage, Stage::Following) {
            Stage::Greeting(refusal) => return Some(greeting(self.following.head(), refusal)),
            Stage::Following => {}
            Stage::Over => return None,
        }
        tokio::select! {
            biased;
            () = self.api.draining.cancelled() => {
                self.stage = Stage::Over;
                Some(self.bye())
            }
            head = self.following.next_position() => {
                measure::poke();
                Some(event("poke", &notice(head)))
            }
            () = sleep_until(self.next_heartbeat) => {
                self.next_heartbeat = Instant::now() + self.api.options().pace.heartbeat;
                self.slot.renew();
                let head = self.following.newest();
                self.session_is_open().await.then(|| event("heartbeat", &notice(head)))
            }
        }
    }

    /// Asks from time to time. While nobody can tell, the stream goes on: it says no more than a
    /// number, and the pull that it brings about is checked by itself.
    async fn session_is_open(&mut self) -> bool {
        if Instant::now() < self.next_session_check {
            return true;
        }
        self.next_session_check = Instant::now() + self.api.options().pace.session_check;
        let is_open = self.api.accounts.is_open(self.identity);
        match timeout(SESSION_PATIENCE, is_open).await {
            Ok(Ok(is_open)) => is_open,
            Ok(Err(_)) | Err(_) => true,
        }
    }

    fn bye(&self) -> String {
        // The last bits of an id are random.
        let spread = self.api.ids.uuid().as_u64_pair().1 % RETURN_SPREAD_MS;
        let retry_ms = SOONEST_RETURN_MS + spread;
        // The first line is for the event source itself, which comes back without being told.
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

/// An event as text. Each is one line of data: JSON has no line breaks.
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
    fn an_event_is_a_name_a_line_of_data_and_an_empty_line() {
        let head = Seq::new(8_816).expect("a position");
        let text = event("poke", &notice(head));
        assert_eq!(text, "event: poke\ndata: {\"head\":8816}\n\n");
    }
}

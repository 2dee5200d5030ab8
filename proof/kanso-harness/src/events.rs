//! Event streams, as a device reads them.

use std::time::Duration;

use anyhow::Context as _;
use eventsource_stream::{Event, Eventsource as _};
use futures::stream::{BoxStream, Stream, StreamExt as _};
use kanso_protocol::sync::HeadNotice;
use tokio::time::timeout;

/// An open event stream, read as a sequence of heads.
pub struct HeadStream {
    events: BoxStream<'static, anyhow::Result<Event>>,
}

impl HeadStream {
    /// Reads the body of the response to `GET /sync/stream`.
    pub fn new<B, E>(body: impl Stream<Item = Result<B, E>> + Send + 'static) -> Self
    where
        B: AsRef<[u8]> + Send + 'static,
        E: std::error::Error + Send + Sync + 'static,
    {
        let events = body.eventsource();
        let events = events.map(|event| event.context("the event stream broke"));
        Self {
            events: events.boxed(),
        }
    }

    /// Waits for the next event and returns its head.
    ///
    /// # Errors
    /// The stream ended, or the event has no head, as `bye`.
    pub async fn next_head(&mut self) -> anyhow::Result<i64> {
        let event = self
            .events
            .next()
            .await
            .context("the event stream ended")??;
        let notice: HeadNotice = serde_json::from_str(&event.data)
            .with_context(|| format!("no head in the event {}: {}", event.event, event.data))?;
        Ok(notice.head)
    }

    /// Returns true if the stream reports `head` or a newer one within `limit`.
    ///
    /// # Errors
    /// See [`HeadStream::next_head`].
    pub async fn reaches(&mut self, head: i64, limit: Duration) -> anyhow::Result<bool> {
        let reached = timeout(limit, async {
            // Several changes may share one event, so a newer head covers this one.
            while self.next_head().await? < head {}
            anyhow::Ok(())
        });
        match reached.await {
            Ok(ended) => ended.map(|()| true),
            Err(_) => Ok(false),
        }
    }
}

impl std::fmt::Debug for HeadStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HeadStream").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures::stream;

    use super::*;

    fn read(pieces: &'static [&'static str]) -> HeadStream {
        HeadStream::new(stream::iter(pieces.iter().map(Ok::<_, Infallible>)))
    }

    #[tokio::test]
    async fn heads_are_read_from_events_in_any_pieces() {
        let mut stream = read(&[
            "event: hello\nda",
            "ta: {\"head\":7}\n\n: comment\n\nevent: poke\ndata: {\"head\":8816}\n",
            "\n",
        ]);
        assert_eq!(stream.next_head().await.unwrap(), 7);
        assert!(stream.reaches(8_000, Duration::from_secs(1)).await.unwrap());
        assert!(stream.next_head().await.is_err());
    }

    #[tokio::test]
    async fn event_without_a_head_is_an_error() {
        let mut stream = read(&["event: bye\ndata: {\"retry_ms\":1}\n\n"]);
        let error = stream.next_head().await.unwrap_err();
        assert!(error.to_string().contains("bye"), "{error}");
    }

    #[tokio::test]
    async fn silent_stream_does_not_reach_a_head() {
        let mut stream = HeadStream::new(stream::pending::<Result<Vec<u8>, Infallible>>());
        assert!(!stream.reaches(1, Duration::from_millis(10)).await.unwrap());
    }
}

//! An event stream, as a device reads it.

use std::net::SocketAddr;

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use crate::connection::{Call, Connection};

/// A stream that is open.
#[derive(Debug)]
pub(crate) struct Events {
    body: Incoming,
    text: String,
    _connection: Connection,
}

impl Events {
    /// Opens one on a connection of its own, and waits until it has said where the history stands.
    pub(crate) async fn open(address: SocketAddr, token: &str) -> anyhow::Result<Self> {
        let mut connection = Connection::open(address).await?;
        let call = Call::get("/api/v1/sync/stream")?.authorized(token)?;
        let body = connection.begin(&call, Bytes::new()).await?;
        let mut events = Self {
            body,
            text: String::new(),
            _connection: connection,
        };
        events.next().await?;
        Ok(events)
    }

    /// The head that the next event tells.
    pub(crate) async fn next(&mut self) -> anyhow::Result<i64> {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let event: String = self.text.drain(..end + 2).collect();
                return head(&event).context("an event has no head");
            }
            let frame = self.body.frame().await.context("the stream ended")??;
            let data = frame.into_data().unwrap_or_default();
            self.text.push_str(std::str::from_utf8(&data)?);
        }
    }
}

fn head(event: &str) -> Option<i64> {
    let (_, from) = event.split_once("\"head\":")?;
    let digits = from.find(|c: char| !c.is_ascii_digit())?;
    from[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_tells_its_head() {
        assert_eq!(head("event: poke\ndata: {\"head\":8816}"), Some(8_816));
        assert_eq!(head("event: bye\ndata: {\"retry_ms\":1}"), None);
    }
}

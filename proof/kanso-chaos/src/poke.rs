//! A device that listens on one server while another device writes on another.

use std::time::Duration;

use anyhow::Context as _;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use kanso_protocol::sync::{ActionName, EntityName, OperationRequest, SyncRequest, SyncResponse};
use serde_json::json;
use tokio::time::{Instant, timeout};

use crate::ids::Ids;
use crate::person::Person;
use crate::wire::{Failed, Wire};

type Pieces = BoxStream<'static, reqwest::Result<Vec<u8>>>;

/// An event stream that is open.
pub(crate) struct Listener {
    pieces: Pieces,
    text: String,
}

impl Listener {
    /// Opens the stream of a person on a server.
    pub(crate) async fn open(wire: &Wire, person: &Person) -> Result<Self, Failed> {
        let answer = wire.open("/api/v1/sync/stream", &person.token()).await?;
        let pieces = answer.bytes_stream().map(|piece| Ok(piece?.to_vec()));
        Ok(Self {
            pieces: pieces.boxed(),
            text: String::new(),
        })
    }

    /// Waits until the stream tells of `head` or what came after it. Answers with whether it did
    /// within `limit`.
    pub(crate) async fn hears(&mut self, head: i64, limit: Duration) -> anyhow::Result<bool> {
        let told = timeout(limit, async {
            while self.next().await? < head {}
            anyhow::Ok(())
        });
        match told.await {
            Ok(ended) => ended.map(|()| true),
            Err(_) => Ok(false),
        }
    }

    async fn next(&mut self) -> anyhow::Result<i64> {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let event: String = self.text.drain(..end + 2).collect();
                return head_in(&event).with_context(|| format!("no head in {event:?}"));
            }
            let piece = self.pieces.next().await.context("the stream ended")??;
            self.text.push_str(std::str::from_utf8(&piece)?);
        }
    }
}

fn head_in(event: &str) -> Option<i64> {
    let (_, from) = event.split_once("\"head\":")?;
    let digits = from.find(|c: char| !c.is_ascii_digit())?;
    from[..digits].parse().ok()
}

/// Makes a habit, and answers with the head after it and when it was sent.
pub(crate) async fn write(
    wire: &Wire,
    person: &Person,
    ids: &mut Ids,
) -> Result<(i64, Instant), Failed> {
    let request = SyncRequest {
        operations: vec![OperationRequest {
            op_id: ids.next(),
            entity: EntityName::Habit,
            action: ActionName::Create,
            id: ids.next(),
            base_version: None,
            on_conflict: None,
            revive: false,
            group: None,
            fields: Some(json!({"title": "Read"})),
        }],
        ..SyncRequest::default()
    };
    let sent = Instant::now();
    let token = person.token();
    let answer: SyncResponse = wire.post("/api/v1/sync", Some(&token), &request).await?;
    Ok((answer.head, sent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_tells_its_head() {
        assert_eq!(
            head_in("event: poke\ndata: {\"head\":8816}\n\n"),
            Some(8_816)
        );
        assert_eq!(head_in("event: bye\ndata: {\"retry_ms\":1}\n\n"), None);
    }
}

//! A follower of the event stream: it pulls only after an event, never by itself. So it shows a
//! missed event as a stale replica.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kanso_client::transport::{Method, Reply};
use kanso_domain::Seq;
use kanso_domain::sync::Head;
use kanso_protocol::sync::{SyncResponse, TicketResponse};
use tokio::time::{sleep, timeout};

use super::a_while;
use super::page_replica::PageReplica;
use super::wire_client::WireClient;
use crate::history::Actor;
use crate::network::{OpenReply, PieceReader};
use crate::sse;

/// Longest time before it opens its first stream, in milliseconds.
const PAUSE_MILLIS: u64 = 20_000;

/// A stream without any event for this long counts as dead: three heartbeats.
const DEAD: Duration = Duration::from_secs(45);

/// First and longest pause before a stream is opened again.
const SOONEST: Duration = Duration::from_secs(1);
const LATEST: Duration = Duration::from_secs(15);

/// Number of pieces that fit between a server and a reader that does not read. Stands for the
/// buffers of the machines between them.
const AHEAD: usize = 64;

/// Attempts for a page without an answer.
const TRIES: u32 = 4;

/// The event stream of one user and the replica that is pulled because of it.
pub struct Follower {
    client: WireClient,
    replica: Mutex<PageReplica>,
}

/// When to open the next stream.
enum Reconnect {
    /// After a growing pause: the stream broke off or is silent.
    WithBackoff,
    /// After the time that the server gave.
    After(Duration),
}

impl Follower {
    /// Creates a follower that has read nothing.
    pub fn new(client: WireClient) -> Self {
        Self {
            client,
            replica: Mutex::default(),
        }
    }

    /// The follower and its user.
    pub const fn actor(&self) -> Actor {
        self.client.actor
    }

    /// Follows the stream until it is aborted.
    pub async fn run(&self) {
        a_while(&self.client.chance, PAUSE_MILLIS).await;
        if self.client.chance.happens(20) {
            self.client.mistype().await;
        }
        let mut pause = SOONEST;
        loop {
            let over = match self.open().await {
                Some(OpenReply::Pieces(wire)) => {
                    pause = SOONEST;
                    self.read(wire).await
                }
                Some(OpenReply::Refused(reply)) => self.refused(&reply),
                None => Reconnect::WithBackoff,
            };
            let wait = match over {
                Reconnect::After(wait) => wait,
                Reconnect::WithBackoff => {
                    pause = (2 * pause).min(LATEST);
                    // Jitter, as docs/live.md asks of clients: a restarted server must not meet all
                    // of them at once.
                    pause / 2 + Duration::from_millis(self.client.chance.between(0, 500))
                }
            };
            sleep(wait).await;
        }
    }

    /// Returns true if it has read up to `head` and its records match the digest. A deleted account
    /// has no head.
    pub fn has_read(&self, head: Option<Head>) -> bool {
        let Some(head) = head else {
            return true;
        };
        // The digest is compared as well: a position alone does not show a skipped record.
        let position = self.with(|replica| replica.position());
        // An empty history sends no event, so the follower cannot know of it.
        let has_read = head.seq == Seq::ZERO || position.is_some_and(|read| read.seq >= head.seq);
        has_read && self.with(|replica| replica.digest()) == head.digest
    }

    /// Opens a stream, sometimes with a ticket, as a web page does that cannot send an
    /// `Authorization` header.
    async fn open(&self) -> Option<OpenReply> {
        let mut parameters = Vec::new();
        let ticket = if self.client.chance.happens(40) {
            Some(self.ticket().await?)
        } else {
            None
        };
        let has_ticket = ticket.is_some();
        parameters.extend(ticket.map(|ticket| format!("ticket={ticket}")));
        // A stream opened without a cursor gets no `resync` event, so a follower would not notice a
        // restore.
        let says_cursor = self.client.plan.may_restore() || self.client.chance.happens(70);
        let cursor = self.with(|replica| replica.cursor.clone());
        let cursor = cursor.filter(|_| says_cursor);
        parameters.extend(cursor.map(|cursor| format!("cursor={cursor}")));
        let path = format!("/api/v1/sync/stream?{}", parameters.join("&"));
        self.client.open(path, has_ticket, AHEAD).await
    }

    async fn ticket(&self) -> Option<String> {
        let path = "/api/v1/sync/stream/ticket".to_owned();
        let reply = self.client.ask(Method::Post, path, None).await?;
        let ticket = serde_json::from_slice::<TicketResponse>(&reply.body);
        Some(ticket.ok()?.ticket)
    }

    fn refused(&self, reply: &Reply) -> Reconnect {
        let text = format!("gets no stream: {}", reply.status);
        self.client.did(text);
        reply
            .retry_after
            .map_or(Reconnect::WithBackoff, Reconnect::After)
    }

    async fn read(&self, mut wire: PieceReader) -> Reconnect {
        let mut text = String::new();
        loop {
            let Ok(arrived) = timeout(DEAD, wire.next()).await else {
                self.client.did("takes the stream for dead");
                return Reconnect::WithBackoff;
            };
            let Some(piece) = arrived else {
                return Reconnect::WithBackoff;
            };
            text.push_str(&String::from_utf8_lossy(&piece));
            while let Some(event) = sse::next(&mut text) {
                if let Some(wait) = event.data["retry_ms"].as_u64() {
                    return Reconnect::After(Duration::from_millis(wait));
                }
                if event.name == "resync" {
                    self.start_over();
                }
                if let Some(head) = event.head() {
                    self.pull(head).await;
                }
            }
        }
    }

    /// Pulls until the cursor reaches `head`. Gives up after several requests without an answer;
    /// the next event starts a new attempt.
    async fn pull(&self, head: i64) {
        let mut left = TRIES;
        while left > 0 {
            let (cursor, read) = self.with(|replica| (replica.cursor.clone(), replica.position()));
            if read.is_some_and(|read| read.seq.get() >= head) {
                return;
            }
            let from = cursor.map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
            // `min_seq` makes a server that is behind answer `behind` instead of an older page.
            let limit = self.client.chance.between(1, 50);
            let path = format!("/api/v1/sync?limit={limit}&min_seq={head}{from}");
            match self.client.ask(Method::Get, path, None).await {
                Some(reply) if self.take(&reply) => {}
                _ => left -= 1,
            }
        }
    }

    /// Applies an answer; returns true if it contained changes.
    fn take(&self, reply: &Reply) -> bool {
        if reply.status == 410 {
            self.start_over();
            return true;
        }
        let Ok(page) = serde_json::from_slice::<SyncResponse>(&reply.body) else {
            return false;
        };
        if let Err(wrong) = self.with(|replica| replica.take(&page)) {
            self.client.wrong(&wrong);
        }
        !page.changes.is_empty()
    }

    fn start_over(&self) {
        self.client.did("starts over from the beginning");
        self.with(|replica| *replica = PageReplica::default());
    }

    fn with<T>(&self, work: impl FnOnce(&mut PageReplica) -> T) -> T {
        work(&mut self.replica.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

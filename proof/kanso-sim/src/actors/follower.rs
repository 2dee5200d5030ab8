//! Somebody who follows the event stream: it pulls when it is told to, and never by itself.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kanso_client::transport::{Method, Reply};
use kanso_domain::Seq;
use kanso_domain::sync::Head;
use kanso_protocol::sync::{SyncResponse, TicketResponse};
use tokio::time::{sleep, timeout};

use super::a_while;
use super::page_replica::PageReplica;
use super::wire_client::WireClient;
use crate::chance::Chance;
use crate::finding::{Check, Findings};
use crate::history::{Actor, Recorder};
use crate::network::{Link, OpenReply, PieceReader};
use crate::plan::Plan;
use crate::sse;

/// The longest time before it opens its first stream, in milliseconds.
const PAUSE_MILLIS: u64 = 20_000;

/// A stream that says nothing for so long is dead.
const DEAD: Duration = Duration::from_secs(45);

/// From a stream that was cut off, or was not opened, to the next: so long at first and at most.
const SOONEST: Duration = Duration::from_secs(1);
const LATEST: Duration = Duration::from_secs(15);

/// How many pieces lie between a server and a reader who does not read: what the machines between
/// them hold.
const AHEAD: usize = 64;

/// How often it asks once more for a page that has no answer.
const TRIES: u32 = 4;

/// One person's stream and what was pulled because of it.
pub struct Follower {
    /// Whose it is.
    pub actor: Actor,
    plan: Plan,
    caller: WireClient,
    chance: Chance,
    recorder: Arc<Recorder>,
    findings: Findings,
    replica: Mutex<PageReplica>,
}

/// Why a stream is not read any further.
enum Reconnect {
    /// It was cut off, or is silent.
    WithBackoff,
    /// The server said when to come back.
    After(Duration),
}

impl Follower {
    /// A follower that has read nothing.
    pub fn new(
        plan: Plan,
        link: (Actor, Link),
        recorder: &Arc<Recorder>,
        findings: &Findings,
    ) -> Self {
        let actor = link.0;
        Self {
            actor,
            plan,
            caller: WireClient::new(link),
            chance: Chance::stream(plan.seed, &actor.to_string()),
            recorder: Arc::clone(recorder),
            findings: findings.clone(),
            replica: Mutex::default(),
        }
    }

    /// Follows for ever.
    pub async fn run(&self) {
        a_while(&self.chance, PAUSE_MILLIS).await;
        if self.chance.happens(20) {
            self.caller.mistype().await;
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
                    pause / 2 + Duration::from_millis(self.chance.between(0, 500))
                }
            };
            sleep(wait).await;
        }
    }

    /// Whether it has read as far as `head`, and holds what is there. Nothing is there of an account that
    /// is gone.
    pub fn has_read(&self, head: Option<Head>) -> bool {
        let Some(head) = head else {
            return true;
        };
        let position = self.with(|replica| replica.position());
        // Nobody is told of a history that is empty.
        let has_read = head.seq == Seq::ZERO || position.is_some_and(|read| read.seq >= head.seq);
        has_read && self.with(|replica| replica.digest()) == head.digest
    }

    /// Opens a stream, with a ticket if it is a page that cannot say who it is.
    async fn open(&self) -> Option<OpenReply> {
        let mut parameters = Vec::new();
        let ticket = if self.chance.happens(40) {
            Some(self.ticket().await?)
        } else {
            None
        };
        let has_ticket = ticket.is_some();
        parameters.extend(ticket.map(|ticket| format!("ticket={ticket}")));
        // Without it, it would not be told that the history is another one.
        let says_cursor = self.plan.restores > 0 || self.chance.happens(70);
        let cursor = self.with(|replica| replica.cursor.clone());
        let cursor = cursor.filter(|_| says_cursor);
        parameters.extend(cursor.map(|cursor| format!("cursor={cursor}")));
        let path = format!("/api/v1/sync/stream?{}", parameters.join("&"));
        self.caller.open(path, has_ticket, AHEAD).await
    }

    async fn ticket(&self) -> Option<String> {
        let path = "/api/v1/sync/stream/ticket".to_owned();
        let reply = self.caller.ask(Method::Post, path, None).await?;
        let ticket = serde_json::from_slice::<TicketResponse>(&reply.body);
        Some(ticket.ok()?.ticket)
    }

    fn refused(&self, reply: &Reply) -> Reconnect {
        let told = format!("gets no stream: {}", reply.status);
        self.recorder.did(self.actor, told);
        reply
            .retry_after
            .map_or(Reconnect::WithBackoff, Reconnect::After)
    }

    async fn read(&self, mut wire: PieceReader) -> Reconnect {
        let mut text = String::new();
        loop {
            let Ok(arrived) = timeout(DEAD, wire.next()).await else {
                self.recorder.did(self.actor, "takes the stream for dead");
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

    /// Pulls until it has read up to `head`. Without an answer it leaves off: the next event tells.
    async fn pull(&self, head: i64) {
        let mut left = TRIES;
        while left > 0 {
            let (cursor, read) = self.with(|replica| (replica.cursor.clone(), replica.position()));
            if read.is_some_and(|read| read.seq.get() >= head) {
                return;
            }
            let from = cursor.map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
            let limit = self.chance.between(1, 50);
            let path = format!("/api/v1/sync?limit={limit}&min_seq={head}{from}");
            match self.caller.ask(Method::Get, path, None).await {
                Some(reply) if self.take(&reply) => {}
                _ => left -= 1,
            }
        }
    }

    /// Whether the answer brought it further.
    fn take(&self, reply: &Reply) -> bool {
        if reply.status == 410 {
            self.start_over();
            return true;
        }
        let Ok(page) = serde_json::from_slice::<SyncResponse>(&reply.body) else {
            return false;
        };
        if let Err(wrong) = self.with(|replica| replica.take(&page)) {
            let what = format!("{}: {wrong}", self.actor);
            self.findings.note(Check::PagesAddUp, what);
        }
        !page.changes.is_empty()
    }

    fn start_over(&self) {
        self.recorder.did(self.actor, "reads everything anew");
        self.with(|replica| *replica = PageReplica::default());
    }

    fn with<T>(&self, work: impl FnOnce(&mut PageReplica) -> T) -> T {
        work(&mut self.replica.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

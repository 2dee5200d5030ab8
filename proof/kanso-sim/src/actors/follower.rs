//! Somebody who follows the event stream: it pulls when it is told to, and never by itself.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kanso_client::transport::{Method, Reply};
use kanso_domain::Seq;
use kanso_domain::sync::Head;
use kanso_protocol::sync::{SyncResponse, TicketResponse};
use tokio::time::{sleep, timeout};

use super::a_while;
use super::caller::Caller;
use super::fold::Fold;
use crate::chance::Chance;
use crate::finding::{Check, Findings};
use crate::history::{Recorder, Who};
use crate::network::{Link, Opened, Wire};
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
    pub who: Who,
    plan: Plan,
    caller: Caller,
    chance: Chance,
    recorder: Arc<Recorder>,
    findings: Findings,
    fold: Mutex<Fold>,
}

/// Why a stream is not read any further.
enum Over {
    /// It was cut off, or is silent.
    Broken,
    /// The server said when to come back.
    Bye(Duration),
}

impl Follower {
    /// A follower that has read nothing.
    pub fn new(
        plan: Plan,
        link: (Who, Link),
        recorder: &Arc<Recorder>,
        findings: &Findings,
    ) -> Self {
        let who = link.0;
        Self {
            who,
            plan,
            caller: Caller::new(link),
            chance: Chance::stream(plan.seed, &who.to_string()),
            recorder: Arc::clone(recorder),
            findings: findings.clone(),
            fold: Mutex::default(),
        }
    }

    /// Follows for ever.
    pub async fn live(&self) {
        a_while(&self.chance, PAUSE_MILLIS).await;
        if self.chance.happens(20) {
            self.caller.mistype().await;
        }
        let mut pause = SOONEST;
        loop {
            let over = match self.open().await {
                Some(Opened::Wire(wire)) => {
                    pause = SOONEST;
                    self.read(wire).await
                }
                Some(Opened::Refused(reply)) => self.refused(&reply),
                None => Over::Broken,
            };
            let wait = match over {
                Over::Bye(wait) => wait,
                Over::Broken => {
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
        let position = self.with(|fold| fold.position());
        // Nobody is told of a history that is empty.
        let has_read = head.seq == Seq::ZERO || position.is_some_and(|read| read.seq >= head.seq);
        has_read && self.with(|fold| fold.digest()) == head.digest
    }

    /// Opens a stream, with a ticket if it is a page that cannot say who it is.
    async fn open(&self) -> Option<Opened> {
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
        let cursor = self.with(|fold| fold.cursor.clone());
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

    fn refused(&self, reply: &Reply) -> Over {
        let told = format!("gets no stream: {}", reply.status);
        self.recorder.did(self.who, told);
        reply.retry_after.map_or(Over::Broken, Over::Bye)
    }

    async fn read(&self, mut wire: Wire) -> Over {
        let mut text = String::new();
        loop {
            let Ok(arrived) = timeout(DEAD, wire.next()).await else {
                self.recorder.did(self.who, "takes the stream for dead");
                return Over::Broken;
            };
            let Some(piece) = arrived else {
                return Over::Broken;
            };
            text.push_str(&String::from_utf8_lossy(&piece));
            while let Some(event) = sse::next(&mut text) {
                if let Some(wait) = event.data["retry_ms"].as_u64() {
                    return Over::Bye(Duration::from_millis(wait));
                }
                if event.name == "resync" {
                    self.begin_anew();
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
            let (cursor, read) = self.with(|fold| (fold.cursor.clone(), fold.position()));
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
            self.begin_anew();
            return true;
        }
        let Ok(page) = serde_json::from_slice::<SyncResponse>(&reply.body) else {
            return false;
        };
        if let Err(wrong) = self.with(|fold| fold.take(&page)) {
            let what = format!("{}: {wrong}", self.who);
            self.findings.note(Check::PagesAddUp, what);
        }
        !page.changes.is_empty()
    }

    fn begin_anew(&self) {
        self.recorder.did(self.who, "reads everything anew");
        self.with(|fold| *fold = Fold::default());
    }

    fn with<T>(&self, work: impl FnOnce(&mut Fold) -> T) -> T {
        work(&mut self.fold.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

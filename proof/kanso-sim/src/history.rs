//! What happened, in its order: what devices did and what went over the wire.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use kanso_protocol::sync::{SyncRequest, SyncResponse};
use sha2::{Digest as _, Sha256};

use crate::time::Time;

/// Somebody who speaks to a server: a device of a person, both counted from 1. Device 0 is the
/// person's browser, and there are two more that are none of the devices of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Actor {
    /// The person.
    pub person: u32,
    /// The device.
    pub device: u32,
}

impl Actor {
    /// The device of whoever follows the event stream.
    pub const FOLLOWER: u32 = 101;
    /// The device of whoever reads snapshots.
    pub const SNAPSHOT_READER: u32 = 102;
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.device {
            0 => write!(f, "p{} browser", self.person),
            Self::FOLLOWER => write!(f, "p{} follower", self.person),
            Self::SNAPSHOT_READER => write!(f, "p{} newcomer", self.person),
            device => write!(f, "p{} device {device}", self.person),
        }
    }
}

/// One line of the story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Milliseconds that were lived through.
    pub at: u64,
    /// The right time, in seconds, leaps included.
    pub clock: i64,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// Somebody did something by themselves.
    Did(Actor, String),
    /// Something happened to the servers, the network or time.
    Happened(String),
    /// A request set out; its number among [`History::exchanges`].
    Sent(usize),
    /// A server answered it; with the number of the serving.
    Served(usize, usize),
    /// That answer arrived.
    Delivered(usize, usize),
    /// Nothing of it will arrive.
    Lost(usize),
    /// A server said the next piece of an answer that has pieces; with the numbers of the serving and
    /// of the piece.
    PieceSent(usize, usize, usize),
    /// Such an answer is over on the server's side.
    StreamEnded(usize, usize, StreamEnd),
    /// A server, from 1, is asked to stop.
    DrainStarted(u32),
}

/// Why an answer that has pieces is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamEnd {
    /// The server had nothing more to say.
    Finished,
    /// Its process died.
    ServerDied,
    /// Nobody reads it any more.
    Abandoned,
}

/// A request and what became of it.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// Who asked.
    pub actor: Actor,
    /// Method and path.
    pub line: String,
    /// The body, where it is one of sync.
    pub sync: Option<SyncRequest>,
    /// The place of its [`What::Sent`].
    pub sent_at: usize,
    /// When a server carried it out: more than once if it was duplicated.
    pub servings: Vec<Serving>,
}

/// One carrying out of a request.
#[derive(Clone, Debug, Default)]
pub struct Serving {
    /// Which server, from 1.
    pub server: u32,
    /// The place of its [`What::Served`].
    pub at: usize,
    /// Whether it took another serving's place as the answer: a duplicate's answer goes nowhere.
    pub delivered_at: Option<usize>,
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
    /// The body, where it is one of sync.
    pub sync: Option<SyncResponse>,
    /// Of an answer that has pieces: where each ends in the body, and the place of its [`What::Said`].
    pub pieces: Vec<(usize, usize)>,
    /// Of such an answer: the place of its [`What::Ended`], and why it is over.
    pub ended: Option<(usize, StreamEnd)>,
}

impl Serving {
    /// A piece of its body, by its number.
    pub fn piece(&self, number: usize) -> &[u8] {
        let ends = |number: usize| self.pieces.get(number).map_or(0, |(end, _)| *end);
        let begin = number.checked_sub(1).map_or(0, ends);
        self.body.get(begin..ends(number)).unwrap_or_default()
    }
}

/// Everything that happened.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// In order.
    pub events: Vec<Event>,
    /// The requests in the order in which they set out.
    pub exchanges: Vec<Exchange>,
}

impl History {
    /// Each serving of a sync, in the order of the servings: who asked what and was told what.
    pub fn syncs(
        &self,
    ) -> impl Iterator<Item = (&Exchange, &SyncRequest, &Serving, &SyncResponse)> {
        self.events.iter().filter_map(|event| match event.kind {
            EventKind::Served(exchange, serving) => {
                let exchange = self.exchanges.get(exchange)?;
                let serving = exchange.servings.get(serving)?;
                Some((
                    exchange,
                    exchange.sync.as_ref()?,
                    serving,
                    serving.sync.as_ref()?,
                ))
            }
            _ => None,
        })
    }

    /// A hash of all of it: the same for the same seed.
    pub fn hash(&self) -> String {
        let mut hash = Sha256::new();
        for event in &self.events {
            hash.update(event.trace_line());
            if let EventKind::Served(exchange, serving) = event.kind {
                hash.update(&self.exchanges[exchange].servings[serving].body);
            }
        }
        let hash = hash.finalize();
        let first = hash.first_chunk().copied().unwrap_or_default();
        format!("{:016x}", u64::from_be_bytes(first))
    }
}

/// Where everybody writes down what happens.
#[derive(Debug)]
pub struct Recorder {
    time: Time,
    history: Mutex<History>,
}

impl Recorder {
    /// Nothing has happened yet.
    pub fn new(time: Time) -> Self {
        Self {
            time,
            history: Mutex::default(),
        }
    }

    /// Somebody did something by themselves.
    pub fn did(&self, actor: Actor, what: impl Into<String>) {
        self.push(&mut self.lock(), EventKind::Did(actor, what.into()));
    }

    /// Something happened to the servers, the network or time.
    pub fn happened(&self, what: impl Into<String>) {
        self.push(&mut self.lock(), EventKind::Happened(what.into()));
    }

    /// A request sets out; answers with its number.
    pub fn sent(&self, actor: Actor, line: String, body: Option<&[u8]>) -> usize {
        let mut history = self.lock();
        let number = history.exchanges.len();
        let sent_at = self.push(&mut history, EventKind::Sent(number));
        history.exchanges.push(Exchange {
            actor,
            line,
            sync: body.and_then(|body| serde_json::from_slice(body).ok()),
            sent_at,
            servings: Vec::new(),
        });
        number
    }

    /// A server carried it out; answers with the number of the serving.
    pub fn served(&self, exchange: usize, server: u32, status: u16, body: Vec<u8>) -> usize {
        let mut history = self.lock();
        let number = history.exchanges[exchange].servings.len();
        let at = self.push(&mut history, EventKind::Served(exchange, number));
        history.exchanges[exchange].servings.push(Serving {
            server,
            at,
            status,
            sync: serde_json::from_slice(&body).ok(),
            body,
            ..Serving::default()
        });
        number
    }

    /// The server said the next piece of that answer.
    pub fn said(&self, exchange: usize, serving: usize, piece: &[u8]) {
        let mut history = self.lock();
        let number = history.exchanges[exchange].servings[serving].pieces.len();
        let at = self.push(
            &mut history,
            EventKind::PieceSent(exchange, serving, number),
        );
        let serving = &mut history.exchanges[exchange].servings[serving];
        serving.body.extend_from_slice(piece);
        serving.pieces.push((serving.body.len(), at));
    }

    /// That answer is over on the server's side.
    pub fn ended(&self, exchange: usize, serving: usize, end: StreamEnd) {
        let mut history = self.lock();
        let at = self.push(&mut history, EventKind::StreamEnded(exchange, serving, end));
        history.exchanges[exchange].servings[serving].ended = Some((at, end));
    }

    /// A server is asked to stop.
    pub fn stops(&self, server: u32) {
        self.push(&mut self.lock(), EventKind::DrainStarted(server));
    }

    /// That answer arrived.
    pub fn delivered(&self, exchange: usize, serving: usize) {
        let mut history = self.lock();
        let at = self.push(&mut history, EventKind::Delivered(exchange, serving));
        history.exchanges[exchange].servings[serving].delivered_at = Some(at);
    }

    /// Nothing of it will arrive.
    pub fn lost(&self, exchange: usize) {
        self.push(&mut self.lock(), EventKind::Lost(exchange));
    }

    /// What happened until now.
    pub fn take(&self) -> History {
        std::mem::take(&mut self.lock())
    }

    /// How many events there are.
    pub fn length(&self) -> usize {
        self.lock().events.len()
    }

    fn push(&self, history: &mut History, kind: EventKind) -> usize {
        let (at, clock) = (self.time.elapsed_millis(), self.time.now());
        let clock = clock.as_micros().div_euclid(1_000_000);
        history.events.push(Event { at, clock, kind });
        history.events.len() - 1
    }

    fn lock(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Event {
    /// One line of the trace, for [`History::hash`].
    fn trace_line(&self) -> String {
        // The words are fixed here, so that a renamed type or variant does not change the hash that
        // two versions of the code are compared by.
        let kind = match &self.kind {
            EventKind::Did(actor, text) => {
                let Actor { person, device } = actor;
                format!("Did(Who {{ person: {person}, device: {device} }}, {text:?})")
            }
            EventKind::Happened(text) => format!("Happened({text:?})"),
            EventKind::Sent(exchange) => format!("Sent({exchange})"),
            EventKind::Served(exchange, serving) => format!("Served({exchange}, {serving})"),
            EventKind::Delivered(exchange, serving) => format!("Delivered({exchange}, {serving})"),
            EventKind::Lost(exchange) => format!("Lost({exchange})"),
            EventKind::PieceSent(exchange, serving, piece) => {
                format!("Said({exchange}, {serving}, {piece})")
            }
            EventKind::StreamEnded(exchange, serving, end) => {
                let end = match end {
                    StreamEnd::Finished => "Said",
                    StreamEnd::ServerDied => "Died",
                    StreamEnd::Abandoned => "Unread",
                };
                format!("Ended({exchange}, {serving}, {end})")
            }
            EventKind::DrainStarted(server) => format!("Stops({server})"),
        };
        let Self { at, clock, .. } = self;
        format!("Event {{ at: {at}, clock: {clock}, what: {kind} }}\n")
    }
}

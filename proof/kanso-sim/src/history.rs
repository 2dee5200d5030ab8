//! The history of a run: actions and messages in their order.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use kanso_protocol::sync::{PushRequest, PushedOperation, SyncRequest, SyncResponse};
use sha2::{Digest as _, Sha256};

use crate::time::Time;

/// A participant: a device of a user, both counted from 1. Device 0 is the user's browser; two more
/// numbers stand for programs that are not in the plan's count of devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Actor {
    /// The user.
    pub person: u32,
    /// The device.
    pub device: u32,
}

impl Actor {
    /// Device number of the follower of the event stream.
    pub const FOLLOWER: u32 = 101;
    /// Device number of the reader of snapshots.
    pub const SNAPSHOT_READER: u32 = 102;

    /// Returns true for a device with the client library.
    pub const fn is_device(self) -> bool {
        0 < self.device && self.device < Self::FOLLOWER
    }

    /// Name of the actor's stream of random numbers.
    pub fn stream_name(self) -> String {
        // A stream's name is part of every seed: another one draws other numbers, and the plans in
        // `regressions.jsonl` would no longer show the bugs that they stand for.
        match self.device {
            Self::SNAPSHOT_READER => format!("p{} newcomer", self.person),
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.device {
            0 => write!(f, "p{} browser", self.person),
            Self::FOLLOWER => write!(f, "p{} follower", self.person),
            Self::SNAPSHOT_READER => write!(f, "p{} snapshot reader", self.person),
            device => write!(f, "p{} device {device}", self.person),
        }
    }
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Simulated milliseconds since the start, without clock jumps.
    pub at: u64,
    /// The correct time in seconds, with clock jumps.
    pub clock: i64,
    /// The event.
    pub kind: EventKind,
}

/// Kinds of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// An actor did something on its own.
    Did(Actor, String),
    /// A fault of the servers, the network or time.
    Happened(String),
    /// A request was sent; its index in [`History::exchanges`].
    Sent(usize),
    /// A server answered it; with the index of the serving.
    Served(usize, usize),
    /// The answer arrived.
    Delivered(usize, usize),
    /// No answer will arrive.
    Lost(usize),
    /// A server sent the next piece of a streamed answer; with the indexes of the serving and of
    /// the piece.
    PieceSent(usize, usize, usize),
    /// A streamed answer ended on the server's side.
    StreamEnded(usize, usize, StreamEnd),
    /// A server, from 1, was asked to stop.
    DrainStarted(u32),
    /// A device continues with a backup of a replica.
    Copied(CopiedReplica),
    /// The path of the database no longer leads to the file that the servers have open.
    FileLost,
    /// The path leads to their file again, or they have stopped.
    FileFound,
}

/// A replica that took the place of a device's replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopiedReplica {
    /// The device that continues with it.
    pub actor: Actor,
    /// The device of which it is a backup.
    pub source: Actor,
    /// Number of events when the backup was made.
    pub saved_at: usize,
}

/// Reasons for the end of a streamed answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamEnd {
    /// The server finished it.
    Finished,
    /// The server's process died.
    ServerDied,
    /// The reader is gone.
    Abandoned,
}

/// A request and its servings.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The sender.
    pub actor: Actor,
    /// Method and path.
    pub line: String,
    /// The body of a sync request, with the operations that can be read.
    pub sync: Option<SyncRequest>,
    /// Index of its [`EventKind::Sent`].
    pub sent_at: usize,
    /// Its servings: more than one if the request was duplicated.
    pub servings: Vec<Serving>,
}

/// One execution of a request by a server.
#[derive(Clone, Debug, Default)]
pub struct Serving {
    /// The server, from 1.
    pub server: u32,
    /// Index of its [`EventKind::Served`].
    pub at: usize,
    /// Index of its [`EventKind::Delivered`]. The answer to a duplicate is never delivered.
    pub delivered_at: Option<usize>,
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
    /// The body of a sync answer.
    pub sync: Option<SyncResponse>,
    /// End of each piece in the body, with the index of its [`EventKind::PieceSent`].
    pub pieces: Vec<(usize, usize)>,
    /// Index of its [`EventKind::StreamEnded`], with the reason.
    pub ended: Option<(usize, StreamEnd)>,
}

impl Serving {
    /// Returns a piece of the body by its number.
    pub fn piece(&self, number: usize) -> &[u8] {
        let ends = |number: usize| self.pieces.get(number).map_or(0, |(end, _)| *end);
        let begin = number.checked_sub(1).map_or(0, ends);
        self.body.get(begin..ends(number)).unwrap_or_default()
    }
}

/// The history of a run.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Events in order.
    pub events: Vec<Event>,
    /// Requests in the order in which they were sent.
    pub exchanges: Vec<Exchange>,
}

impl History {
    /// Returns each serving of a sync request, in the order of the servings.
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

    /// Returns a hash of all events and bodies: the same for the same seed.
    pub fn hash(&self) -> String {
        let mut hash = Sha256::new();
        for event in &self.events {
            hash.update(event.trace_line());
            // Bodies are hashed, not parsed: two runs that differ in one byte of one answer differ
            // in the trace.
            if let EventKind::Served(exchange, serving) = event.kind {
                hash.update(&self.exchanges[exchange].servings[serving].body);
            }
        }
        let hash = hash.finalize();
        let first = hash.first_chunk().copied().unwrap_or_default();
        format!("{:016x}", u64::from_be_bytes(first))
    }
}

/// Records the history.
#[derive(Debug)]
pub struct Recorder {
    time: Time,
    history: Mutex<History>,
}

impl Recorder {
    /// Creates an empty history.
    pub fn new(time: Time) -> Self {
        Self {
            time,
            history: Mutex::default(),
        }
    }

    /// Records an action of an actor.
    pub fn did(&self, actor: Actor, what: impl Into<String>) {
        self.push(&mut self.lock(), EventKind::Did(actor, what.into()));
    }

    /// Records a fault of the servers, the network or time.
    pub fn happened(&self, what: impl Into<String>) {
        self.push(&mut self.lock(), EventKind::Happened(what.into()));
    }

    /// Records a request; returns its index.
    pub fn sent(&self, actor: Actor, line: String, body: Option<&[u8]>) -> usize {
        let mut history = self.lock();
        let number = history.exchanges.len();
        let sent_at = self.push(&mut history, EventKind::Sent(number));
        history.exchanges.push(Exchange {
            actor,
            line,
            sync: body.and_then(sync_request),
            sent_at,
            servings: Vec::new(),
        });
        number
    }

    /// Records an answer; returns the index of the serving.
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

    /// Records the next piece of a streamed answer.
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

    /// Records the end of a streamed answer.
    pub fn ended(&self, exchange: usize, serving: usize, end: StreamEnd) {
        let mut history = self.lock();
        let at = self.push(&mut history, EventKind::StreamEnded(exchange, serving, end));
        history.exchanges[exchange].servings[serving].ended = Some((at, end));
    }

    /// Records that a server is asked to stop.
    pub fn stops(&self, server: u32) {
        self.push(&mut self.lock(), EventKind::DrainStarted(server));
    }

    /// Records that a device continues with a backup of a replica.
    pub fn copied(&self, copy: CopiedReplica) {
        self.push(&mut self.lock(), EventKind::Copied(copy));
    }

    /// Records that the servers' file is lost, or that this ends.
    pub fn file_lost(&self, is_lost: bool) {
        let kind = if is_lost {
            EventKind::FileLost
        } else {
            EventKind::FileFound
        };
        self.push(&mut self.lock(), kind);
    }

    /// Records the arrival of an answer.
    pub fn delivered(&self, exchange: usize, serving: usize) {
        let mut history = self.lock();
        let at = self.push(&mut history, EventKind::Delivered(exchange, serving));
        history.exchanges[exchange].servings[serving].delivered_at = Some(at);
    }

    /// Records that no answer will arrive.
    pub fn lost(&self, exchange: usize) {
        self.push(&mut self.lock(), EventKind::Lost(exchange));
    }

    /// Takes the history.
    pub fn take(&self) -> History {
        std::mem::take(&mut self.lock())
    }

    /// Number of events.
    pub fn length(&self) -> usize {
        self.lock().events.len()
    }

    fn push(&self, history: &mut History, kind: EventKind) -> usize {
        let (at, clock) = (self.time.elapsed_millis(), self.time.now());
        // Whole seconds: checks compare times with grace periods, and the milliseconds are in `at`.
        let clock = clock.as_micros().div_euclid(1_000_000);
        history.events.push(Event { at, clock, kind });
        history.events.len() - 1
    }

    fn lock(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads a sync request. Of one with operations that cannot be read, the others are kept.
fn sync_request(body: &[u8]) -> Option<SyncRequest> {
    if let Ok(request) = serde_json::from_slice(body) {
        return Some(request);
    }
    let push: PushRequest = kanso_protocol::read(body).ok()?;
    let read = push
        .operations
        .into_iter()
        .filter_map(|pushed| match pushed {
            PushedOperation::Read(operation) => Some(operation),
            PushedOperation::Unreadable(_) => None,
        });
    Some(SyncRequest {
        device_id: push.device_id,
        cursor: push.cursor,
        operations: read.collect(),
        ..SyncRequest::default()
    })
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
            EventKind::Copied(copy) => format!("{copy:?}"),
            EventKind::FileLost => "FileLost".to_owned(),
            EventKind::FileFound => "FileFound".to_owned(),
        };
        let Self { at, clock, .. } = self;
        format!("Event {{ at: {at}, clock: {clock}, what: {kind} }}\n")
    }
}

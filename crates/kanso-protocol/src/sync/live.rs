//! The data of the events of a stream, and tickets to open one.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A ticket that opens one event stream without the header `Authorization`.
// No `Debug`: a ticket must not get into a log.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "ticket": "kt1_q1HhXW0s5F0yZr1j8m3c0cQXo2i7mBk7jVtYzKq9aPw", "expires_in": 60
}))]
pub struct TicketResponse {
    /// Value for the parameter `ticket` of `GET /sync/stream`. It can be used once.
    pub ticket: String,
    /// Seconds until the ticket expires.
    pub expires_in: i64,
}

/// The head of the history: data of the events `hello`, `poke` and `heartbeat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
// A position and no records: an event may be lost, so it must not matter. The pull delivers the changes.
pub struct HeadNotice {
    /// Position of the newest change of the user.
    pub head: i64,
}

/// The cursor of the stream cannot be used: data of the event `resync`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resync {
    /// Position of the newest change of the user.
    pub head: i64,
    /// Reason: the problem `code` that a pull with this cursor would get.
    pub code: String,
}

/// The server ends the stream: data of the event `bye`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bye {
    /// Milliseconds to wait before opening the next stream. Random for each stream, so that the
    /// devices do not all return at once.
    pub retry_ms: u64,
}

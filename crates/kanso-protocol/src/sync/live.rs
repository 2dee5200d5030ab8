//! What an event stream says.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What to open an event stream with where no header can be sent.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "ticket": "kt1_q1HhXW0s5F0yZr1j8m3c0cQXo2i7mBk7jVtYzKq9aPw", "expires_in": 60
}))]
pub struct TicketResponse {
    /// For the parameter `ticket` of `GET /sync/stream`. Good once.
    pub ticket: String,
    /// Seconds until it is not good any more.
    pub expires_in: i64,
}

/// Where the history stands: the data of `hello`, `poke` and `heartbeat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeadNotice {
    /// The position of the newest change.
    pub head: i64,
}

/// The cursor that the stream was opened with cannot be used: the data of `resync`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resync {
    /// The position of the newest change.
    pub head: i64,
    /// Why: the code of the problem that a pull with this cursor would meet.
    pub code: String,
}

/// The server ends the stream: the data of `bye`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bye {
    /// Milliseconds after which to open another one. Each stream is told its own, so that not all
    /// come back at once.
    pub retry_ms: u64,
}

//! The adapters on a real Redis: together, and while it is away.

#![expect(
    clippy::unwrap_used,
    reason = "a test that meets what it does not expect stops there"
)]

mod answers;
mod feed;
mod limiter;
mod tickets;

//! The models are explored completely, planted bugs break them, and they agree with the code.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test stops at an unexpected value, and prints how much it explored"
)]

mod explored;
mod planted_bugs;
mod refreshed;
mod synced;

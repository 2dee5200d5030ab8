//! The model is explored completely, is seen to fail, and agrees with the code.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that meets what it does not expect stops there, and how much was explored is shown"
)]

mod explored;
mod planted_bugs;
mod refreshed;
mod synced;

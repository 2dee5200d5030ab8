//! Use cases over adapters in memory.

#![expect(
    clippy::unwrap_used,
    reason = "a test that meets what it does not expect stops there"
)]

mod accounts;
mod devices;
mod entries;
mod habits;
mod health;
mod live;
mod passwords;
mod sessions;
mod streaks;
mod sync;
mod world;

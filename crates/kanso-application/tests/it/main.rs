//! Use cases over adapters in memory.

#![expect(clippy::unwrap_used, reason = "a failed expectation ends the test")]

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

//! Test support: adapters in memory, a clock that a test moves, sequential ids, builders with
//! defaults, the contract of every storage, hostile bytes, and PostgreSQL and Redis servers.
//!
//! **Invariant:** a dependency of tests and of the bench only; nothing that ships uses it. Nothing
//! here waits or reads the machine's clock, and only hostile bytes are random.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a test stops at an unexpected value"
)]

pub mod build;
mod clock;
pub mod contract;
mod credentials;
mod faketime;
mod feed;
pub mod fuzz;
mod ids;
mod memory;
mod pooler;
mod postgres;
mod printed;
mod redis;
pub mod stored;
mod throttle;

pub use clock::ManualClock;
pub use credentials::{
    CountedInvitations, CountedRefreshTokens, PlainAccessTokens, PlainDeviceProofs, PlainPasswords,
    PlainPseudonyms,
};
pub use faketime::FakeTime;
pub use feed::NullFeed;
pub use ids::SequentialIds;
pub use memory::MemoryStorage;
pub use pooler::Pooler;
pub use postgres::{Database, PostgresServer};
pub use printed::address_in;
pub use redis::RedisServer;
pub use throttle::CountingThrottle;

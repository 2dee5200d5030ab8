//! What tests stand on: adapters in memory, a clock that a test moves, ids that count, builders
//! that show only what matters, the contract that every storage keeps, hostile bytes, and a PostgreSQL and a Redis
//! server.
//!
//! **Invariant:** a dependency of tests and of the bench only; nothing that ships uses it. Nothing
//! here waits or reads the machine's clock, and only hostile bytes are drawn at random.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a test that meets what it does not expect stops there"
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
mod postgres;
mod printed;
mod redis;
pub mod stored;
mod throttle;

pub use clock::ManualClock;
pub use credentials::{
    CountedRefreshTokens, LegibleAccessTokens, LegiblePasswords, LegiblePseudonyms,
};
pub use faketime::FakeTime;
pub use feed::QuietFeed;
pub use ids::SequentialIds;
pub use memory::MemoryStorage;
pub use postgres::{Database, PostgresServer};
pub use printed::address_in;
pub use redis::RedisServer;
pub use throttle::CountingThrottle;

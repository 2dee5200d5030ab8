//! Edge out: what several servers share besides the storage, on Redis 7 or Valkey.
//!
//! The rate limit, guesses at a password and the event streams of a person are counted once for all
//! of them, each in one atomic step on Redis' own clock. What is committed on one pokes the streams
//! of the others, and what one computed another finds. Redis is a help and never a condition: each
//! use has a time limit, and what counts when Redis is away is the adapter of this process.
//!
//! **Invariant:** nothing is kept here that must survive, every key has an end, and no request
//! waits for Redis longer than [`TIME_LIMIT`]. No type of the driver leaves this crate.

mod answers;
mod connection;
mod feed;
mod limiter;
mod measure;
mod stream_slots;
mod throttle;
mod tickets;

pub use answers::{LONGEST_ANSWER, RedisAnswers};
pub use connection::{InvalidUrl, Redis, TIME_LIMIT};
pub use feed::RedisFeed;
pub use limiter::RedisLimiter;
pub use stream_slots::RedisStreamSlots;
pub use throttle::RedisThrottle;
pub use tickets::RedisTickets;

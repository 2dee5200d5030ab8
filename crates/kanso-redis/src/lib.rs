//! Edge out: state that several servers share besides the storage, on Redis 7 or Valkey.
//!
//! Rate limits, failed logins and the event streams of a user are counted for all servers together,
//! each in one atomic step on Redis' own clock. A commit on one server notifies the streams of the
//! others, and computed statistics are shared. Redis is optional at any moment: each call has a time
//! limit, and while Redis is unavailable the adapter of this process takes over.
//!
//! **Invariant:** no data that must survive is kept here, every key expires, and no request
//! waits for Redis longer than [`TIME_LIMIT`]. No type of the driver leaves this crate.

mod answers;
mod connection;
mod feed;
mod limiter;
mod measure;
mod stream_slots;
mod throttle;
mod tickets;
mod tls;

pub use answers::{ANSWERS_OF_USER, BYTES_OF_ANSWERS, LONGEST_ANSWER, RedisAnswers};
pub use connection::{InvalidUrl, Redis, TIME_LIMIT};
pub use feed::RedisFeed;
pub use limiter::RedisLimiter;
pub use stream_slots::RedisStreamSlots;
pub use throttle::RedisThrottle;
pub use tickets::RedisTickets;

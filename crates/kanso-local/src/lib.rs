//! Edge out: the adapters that need nothing but this process. The clock, new ids, the rate limiter,
//! the brake on guessing passwords, the bell that wakes workers, the feed that tells devices of news
//! and the tickets that are out, for one server by itself.
//!
//! **Invariant:** no socket, file or environment here. The system's clock and its randomness are
//! read in [`SystemClock`] and [`RandomIds`], in the whole project nowhere else; what is counted
//! is bounded in memory whatever the callers do.

mod clock;
mod feed;
mod gcra;
#[cfg(test)]
mod hands;
mod ids;
mod limiter;
mod throttle;
mod tickets;
mod wake;

pub use clock::SystemClock;
pub use feed::LocalFeed;
pub use ids::RandomIds;
pub use limiter::LocalLimiter;
pub use throttle::LocalThrottle;
pub use tickets::LocalTickets;
pub use wake::LocalWake;

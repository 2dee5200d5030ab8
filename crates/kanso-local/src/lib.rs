//! Edge out: the adapters that need nothing but this process. The clock, ids, the rate limiter, the
//! login throttle, the work signal, the feed and the tickets of a single server.
//!
//! **Invariant:** no socket, file or environment here. The system's clock and randomness for ids are
//! read in [`SystemClock`] and [`RandomIds`] and nowhere else in the project. The memory of every
//! counter is bounded, for any behaviour of the clients.

mod clock;
mod feed;
mod gcra;
mod ids;
mod limiter;
#[cfg(test)]
mod manual_clock;
mod throttle;
mod tickets;
mod work_signal;

pub use clock::SystemClock;
pub use feed::LocalFeed;
pub use ids::RandomIds;
pub use limiter::LocalLimiter;
pub use throttle::LocalThrottle;
pub use tickets::LocalTickets;
pub use work_signal::LocalWorkSignal;

//! Slows down guessing at one account's password.

use async_trait::async_trait;
use kanso_domain::accounts::Email;

/// So many failures in a row, of a person who mixes up passwords, before there is a wait.
pub const FAILURES_BEFORE_WAIT: u32 = 5;
/// The longest wait, and how long a failure is remembered, in seconds.
pub const LONGEST_WAIT_SECONDS: u32 = 15 * 60;
/// Attempts for one account that may be under way at once while there is no wait yet: a
/// household's devices that log in after a new password. From then on it is one.
///
/// Whoever guesses gains next to nothing: 4 failures and 8 at once are 12, after which the wait is
/// 128 s. That makes 15 guesses in the first 15 minutes, where one after the other makes 14.
pub const AT_ONCE: u32 = 8;
/// How long an attempt counts as under way of which nothing is heard, because its server died, in
/// seconds. Longer than a request may take.
pub const LEASE_SECONDS: u32 = 60;

/// Whether an attempt may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Admission {
    /// It may, and counts as under way until it is settled.
    Admitted,
    /// Not before so many seconds have passed.
    Wait {
        /// At least 1.
        seconds: u32,
    },
}

/// What came of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginOutcome {
    /// The password was right: earlier failures are forgotten.
    Right,
    /// It was not: one failure more.
    Wrong,
    /// The server could not tell. That is nobody's failure.
    Unknown,
}

/// Remembers failed log-ins by account, existing or not. The fifth in a row costs a second, each
/// further one twice as much, at most 15 minutes; 15 minutes without a failure, or a success, forget
/// them. Never a permanent lock-out.
///
/// Passwords take their time to be checked, so an attempt counts from when it is admitted, in one
/// step with the question whether it may be made: many at once pass no sooner than one after the
/// other ([`AT_ONCE`]).
#[async_trait]
pub trait LoginThrottle: Send + Sync {
    /// Asks for an attempt for `email`. One that is admitted has to be settled.
    async fn admit(&self, email: &Email) -> Admission;

    /// Says what came of an attempt that was admitted.
    async fn settle(&self, email: &Email, verdict: LoginOutcome);
}

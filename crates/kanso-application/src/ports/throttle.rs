//! The throttle of password guesses per account.

use async_trait::async_trait;
use kanso_domain::accounts::Email;

/// Failures in a row before the first wait. A user may mix up passwords.
pub const FAILURES_BEFORE_WAIT: u32 = 5;
/// Longest wait in seconds, and the time for which a failure counts.
pub const LONGEST_WAIT_SECONDS: u32 = 15 * 60;
/// Most simultaneous attempts for one account before the first wait. All devices of a household may
/// log in at once after a new password. From the first wait on, attempts run one at a time.
///
/// An attacker gains almost nothing. After 4 failures, 8 simultaneous attempts make 12, and the
/// next wait is 128 s. So 15 guesses are possible in the first 15 minutes. With successive attempts
/// 14 are possible.
pub const AT_ONCE: u32 = 8;
/// Seconds after which an unsettled attempt no longer counts, because its server stopped. It is
/// longer than a request may take.
pub const LEASE_SECONDS: u32 = 60;

/// The answer to a request for an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Admission {
    /// The attempt is allowed. It counts as running until it is settled.
    Admitted,
    /// The attempt is refused. A new one may be admitted after the wait.
    Wait {
        /// Seconds to wait, at least 1.
        seconds: u32,
    },
}

/// The outcome of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginOutcome {
    /// Right password. Earlier failures are cleared.
    Right,
    /// Wrong password. It counts as a failure.
    Wrong,
    /// The server failed. It does not count.
    Unknown,
}

/// Counts failed log-ins per e-mail address, with or without an account.
///
/// The fifth failure in a row costs a second, and each further one twice as much, up to 15 minutes.
/// A success, or 15 minutes without a failure, clears the count. An account is never locked for
/// good.
///
/// A password check takes time, so an attempt counts before its outcome is known:
/// [`LoginThrottle::admit`] decides and counts in one step. So simultaneous attempts above
/// [`AT_ONCE`] are not admitted sooner than successive ones.
#[async_trait]
pub trait LoginThrottle: Send + Sync {
    /// Requests an attempt for `email`. An admitted attempt must be settled.
    async fn admit(&self, email: &Email) -> Admission;

    /// Reports the outcome of an admitted attempt.
    async fn settle(&self, email: &Email, outcome: LoginOutcome);
}

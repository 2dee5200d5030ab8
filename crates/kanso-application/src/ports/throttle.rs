//! The throttle of password guesses per account.

use async_trait::async_trait;
use kanso_domain::SessionId;
use kanso_domain::accounts::Email;

use super::limiter::ClientAddress;

/// The attempts that one count allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Failures in a row before the first wait.
    pub failures_before_wait: u32,
    /// Longest wait in seconds.
    pub longest_wait_seconds: u32,
    /// Most simultaneous attempts before the first wait. From then on, attempts run one at a time.
    pub at_once: u32,
}

impl Allowance {
    /// Allowance of one guesser on one account.
    ///
    /// A user may mix up passwords, and all devices of a household may log in at once after a new
    /// password. An attacker gains almost nothing from simultaneous attempts. After 4 failures, 8 of
    /// them make 12, and the next wait is 128 s. So 15 guesses are possible in the first 15 minutes. With
    /// successive attempts 14 are possible.
    pub const GUESSER: Self = Self {
        failures_before_wait: 5,
        longest_wait_seconds: 15 * 60,
        at_once: 8,
    };

    /// Allowance of all addresses together on one account: 500 failures, and then one every two seconds.
    ///
    /// It slows down a guesser with many addresses. A stranger with one address never reaches it.
    pub const ACCOUNT: Self = Self {
        failures_before_wait: 500,
        longest_wait_seconds: 2,
        at_once: 64,
    };
}

/// Time in seconds for which a failure counts.
pub const FAILURE_SECONDS: u32 = 15 * 60;
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

/// The source of guesses. Guesses of one source do not slow down another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guesser {
    /// A client that is not signed in.
    Address(ClientAddress),
    /// A signed-in session that changes its password, or a device that proves that it opened the session
    /// before. They are one source, so that a stolen session gets no second allowance.
    Session(SessionId),
}

/// A count of attempts, with or without an account of that address.
///
/// ```
/// use kanso_application::ports::limiter::ClientAddress;
/// use kanso_application::ports::throttle::{GuessCount, Guesser};
///
/// let ada = "ada@example.org".parse()?;
/// let stranger = Guesser::Address(ClientAddress::new("192.0.2.7".parse()?));
/// let count = GuessCount::of_guesser(&ada, stranger);
/// assert_eq!(count.name(), "ada@example.org 192.0.2.7");
/// assert_eq!(GuessCount::of_account(&ada).name(), "ada@example.org *");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuessCount {
    name: String,
    allowance: Allowance,
}

impl GuessCount {
    /// Returns the count of one guesser on the account of `email`.
    pub fn of_guesser(email: &Email, guesser: Guesser) -> Self {
        // An address has no space, so no two counts have one name.
        let name = match guesser {
            Guesser::Address(address) => format!("{} {}", email.as_str(), address.ip()),
            Guesser::Session(session) => format!("{} {session}", email.as_str()),
        };
        let allowance = Allowance::GUESSER;
        Self { name, allowance }
    }

    /// Returns the count of all addresses on the account of `email`.
    pub fn of_account(email: &Email) -> Self {
        Self {
            // Not the address alone: release 0.1.0 counts the failures in a row under it.
            name: format!("{} *", email.as_str()),
            allowance: Allowance::ACCOUNT,
        }
    }

    /// Returns the name under which an adapter counts. It contains personal data.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the attempts that it allows.
    pub const fn allowance(&self) -> Allowance {
        self.allowance
    }
}

/// Counts failed log-ins.
///
/// The first failure beyond the allowance costs a second, and each further one twice as much, up to the
/// longest wait. A success, or 15 minutes without a failure, clears the count. No count locks an account
/// for good.
///
/// A password check takes time, so an attempt counts before its outcome is known:
/// [`LoginThrottle::admit`] decides and counts in one step. So simultaneous attempts above
/// [`Allowance::at_once`] are not admitted sooner than successive ones.
#[async_trait]
pub trait LoginThrottle: Send + Sync {
    /// Requests an attempt. An admitted attempt must be settled.
    async fn admit(&self, count: &GuessCount) -> Admission;

    /// Reports the outcome of an admitted attempt.
    async fn settle(&self, count: &GuessCount, outcome: LoginOutcome);
}

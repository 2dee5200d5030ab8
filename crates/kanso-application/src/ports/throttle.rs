//! Slows down guessing at one account's password.

use async_trait::async_trait;
use kanso_domain::accounts::Email;

/// Remembers failed log-ins by account, existing or not: after five in a row each further one
/// doubles the wait, up to 15 minutes; a success forgets them. Never a permanent lock-out.
#[async_trait]
pub trait LoginThrottle: Send + Sync {
    /// Seconds that must pass before the next attempt for `email`; `None` when it may be made.
    async fn wait_seconds(&self, email: &Email) -> Option<u32>;

    /// Notes a failed attempt.
    async fn failed(&self, email: &Email);

    /// Notes a success.
    async fn succeeded(&self, email: &Email);
}

//! The feed of new heads.

use async_trait::async_trait;
use kanso_domain::{Seq, UserId};

/// Carries the newest position of a user's history from its writer to the subscribers.
///
/// A publication is only a hint. The history is in the storage, and a subscriber that misses a hint
/// reads it there.
pub trait Feed: Send + Sync {
    /// Publishes that the history of `user` has reached `head`. It is called after the commit, and
    /// calls may come in another order than the commits.
    fn publish(&self, user: UserId, head: Seq);

    /// Returns true if `user` may have a subscriber, on this or another server.
    fn has_subscribers(&self, user: UserId) -> bool;

    /// Returns the users with a subscriber in this process.
    fn followed(&self) -> Vec<UserId>;

    /// Publishes a head of the storage to the subscribers of `user` in this process, unless they
    /// have seen it.
    ///
    /// Returns true if the head is newer than every publication so far, and there was one before.
    /// Then a hint was lost.
    fn catch_up(&self, user: UserId, head: Seq) -> bool;

    /// Subscribes to later publications.
    ///
    /// Subscribe first and read the head then. So a commit in between is published, or read, or
    /// both.
    fn subscribe(&self, user: UserId) -> Box<dyn Subscription>;
}

/// A subscription.
///
/// Only the newest position waits for its reader; older ones are dropped.
#[async_trait]
pub trait Subscription: Send + Sync {
    /// Waits for a position after the last returned one, and returns the newest.
    ///
    /// The future can be dropped without loss.
    async fn changed(&mut self) -> Seq;
}

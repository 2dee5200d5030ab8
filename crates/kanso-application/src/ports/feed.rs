//! Tells devices that there is something new.

use async_trait::async_trait;
use kanso_domain::{Seq, UserId};

/// Carries the newest position of a user's history from whoever committed it to whoever waits for
/// it. A hint: the history itself is in the storage, and whoever misses the hint reads it there.
pub trait Feed: Send + Sync {
    /// Says that the history of `user` now stands at `head`, or later. Called after the commit,
    /// never within; calls may come in another order than the commits.
    fn publish(&self, user: UserId, head: Seq);

    /// Whether anybody would hear it.
    fn has_subscribers(&self, user: UserId) -> bool;

    /// Everybody who has a subscriber in this process.
    fn followed(&self) -> Vec<UserId>;

    /// Tells the subscribers in this process that the history of `user` stands at `head`, as
    /// somebody found in the storage; whoever has heard of it already is not told again. Says
    /// whether it was news: something was published before, and this never was.
    fn catch_up(&self, user: UserId, head: Seq) -> bool;

    /// Listens to what is published from now on. Subscribe first and read the head then: a commit
    /// in between is heard, or read, or both.
    fn subscribe(&self, user: UserId) -> Box<dyn Subscription>;
}

/// Somebody who listens. What nobody has asked for yet is one: the newest.
#[async_trait]
pub trait Subscription: Send + Sync {
    /// Waits until a later position is published than was told before, and tells the newest. To
    /// give up waiting loses nothing.
    async fn changed(&mut self) -> Seq;
}

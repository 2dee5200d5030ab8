//! A feed that nobody follows.

use async_trait::async_trait;
use kanso_application::ports::feed::{Feed, Subscription};
use kanso_domain::{Seq, UserId};

/// Carries nothing to nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct QuietFeed;

struct Nothing;

impl Feed for QuietFeed {
    fn publish(&self, _user: UserId, _head: Seq) {}

    fn has_subscribers(&self, _user: UserId) -> bool {
        false
    }

    fn followed(&self) -> Vec<UserId> {
        Vec::new()
    }

    fn catch_up(&self, _user: UserId, _head: Seq) -> bool {
        false
    }

    fn subscribe(&self, _user: UserId) -> Box<dyn Subscription> {
        Box::new(Nothing)
    }
}

#[async_trait]
impl Subscription for Nothing {
    async fn changed(&mut self) -> Seq {
        std::future::pending().await
    }
}

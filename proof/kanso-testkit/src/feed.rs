//! A feed without subscribers.

use async_trait::async_trait;
use kanso_application::ports::feed::{Feed, Subscription};
use kanso_domain::{Seq, UserId};

/// A feed that drops all notices.
#[derive(Clone, Copy, Debug, Default)]
pub struct NullFeed;

struct NeverChanged;

impl Feed for NullFeed {
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
        Box::new(NeverChanged)
    }
}

#[async_trait]
impl Subscription for NeverChanged {
    async fn changed(&mut self) -> Seq {
        std::future::pending().await
    }
}

//! Bugs of the feed.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use kanso_application::ports::feed::{Feed, Subscription};
use kanso_domain::{Seq, UserId};

use super::Bug;

/// A feed with a bug in its subscriptions.
pub(super) struct Spoilt {
    bug: Bug,
    feed: Arc<dyn Feed>,
    /// What is never let go.
    kept: Mutex<Vec<Box<dyn Subscription>>>,
}

impl Spoilt {
    pub(super) fn new(bug: Bug, feed: Arc<dyn Feed>) -> Self {
        Self {
            bug,
            feed,
            kept: Mutex::default(),
        }
    }
}

impl Feed for Spoilt {
    fn publish(&self, user: UserId, head: Seq) {
        self.feed.publish(user, head);
    }

    fn has_subscribers(&self, user: UserId) -> bool {
        self.feed.has_subscribers(user)
    }

    fn followed(&self) -> Vec<UserId> {
        self.feed.followed()
    }

    fn catch_up(&self, user: UserId, head: Seq) -> bool {
        self.feed.catch_up(user, head)
    }

    fn subscribe(&self, user: UserId) -> Box<dyn Subscription> {
        if self.bug == Bug::WakeUpMissed {
            return Box::new(Deaf);
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push(self.feed.subscribe(user));
        self.feed.subscribe(user)
    }
}

/// A subscriber who hears nothing.
struct Deaf;

#[async_trait]
impl Subscription for Deaf {
    async fn changed(&mut self) -> Seq {
        std::future::pending().await
    }
}

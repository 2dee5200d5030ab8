//! Bugs of the feed. Check 12 sees a change that is not reported in time, and subscribers that
//! remain; check 10 sees a head of another user.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use kanso_application::ports::feed::{Feed, Subscription};
use kanso_domain::{Seq, UserId};

use super::Bug;

/// A feed with a planted bug.
pub(super) struct MutantFeed {
    bug: Bug,
    feed: Arc<dyn Feed>,
    /// Subscriptions that are never dropped.
    leaked: Mutex<Vec<Box<dyn Subscription>>>,
    /// The last subscriber.
    last: Mutex<Option<UserId>>,
    /// Number of notices so far.
    notified: Arc<AtomicU32>,
}

impl MutantFeed {
    pub(super) fn new(bug: Bug, feed: Arc<dyn Feed>) -> Self {
        Self {
            bug,
            feed,
            leaked: Mutex::default(),
            last: Mutex::default(),
            notified: Arc::default(),
        }
    }

    fn leak(&self, user: UserId) {
        let mut leaked = self.leaked.lock().unwrap_or_else(PoisonError::into_inner);
        leaked.push(self.feed.subscribe(user));
    }

    /// Returns the previous subscriber, which is another user most of the time.
    fn before(&self, user: UserId) -> UserId {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.replace(user).unwrap_or(user)
    }
}

impl Feed for MutantFeed {
    fn publish(&self, user: UserId, head: Seq) {
        // Published before the commit, with the next position: a pull that reacts at once finds
        // nothing.
        if self.bug == Bug::PokeAhead {
            return self.feed.publish(user, head.next());
        }
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
        match self.bug {
            Bug::WakeUpMissed => Box::new(NeverNotified),
            Bug::PokeDropped => Box::new(DropsEveryThird {
                subscription: self.feed.subscribe(user),
                notified: Arc::clone(&self.notified),
            }),
            Bug::StrangersStream => self.feed.subscribe(self.before(user)),
            Bug::WaiterKept => {
                self.leak(user);
                self.feed.subscribe(user)
            }
            _ => self.feed.subscribe(user),
        }
    }
}

/// A subscription without any notice.
struct NeverNotified;

#[async_trait]
impl Subscription for NeverNotified {
    async fn changed(&mut self) -> Seq {
        std::future::pending().await
    }
}

/// A subscription that drops every third notice.
struct DropsEveryThird {
    subscription: Box<dyn Subscription>,
    notified: Arc<AtomicU32>,
}

#[async_trait]
impl Subscription for DropsEveryThird {
    async fn changed(&mut self) -> Seq {
        loop {
            let newest = self.subscription.changed().await;
            if !self
                .notified
                .fetch_add(1, Ordering::SeqCst)
                .is_multiple_of(3)
            {
                return newest;
            }
        }
    }
}

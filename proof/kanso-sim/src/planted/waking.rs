//! Bugs of the feed.

use std::sync::atomic::{AtomicU32, Ordering};
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
    /// Who subscribed last.
    last: Mutex<Option<UserId>>,
    /// How much was told.
    told: Arc<AtomicU32>,
}

impl Spoilt {
    pub(super) fn new(bug: Bug, feed: Arc<dyn Feed>) -> Self {
        Self {
            bug,
            feed,
            kept: Mutex::default(),
            last: Mutex::default(),
            told: Arc::default(),
        }
    }

    fn keep(&self, user: UserId) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push(self.feed.subscribe(user));
    }

    /// Who subscribed before `user`, if it was somebody else.
    fn before(&self, user: UserId) -> UserId {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.replace(user).unwrap_or(user)
    }
}

impl Feed for Spoilt {
    fn publish(&self, user: UserId, head: Seq) {
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
            Bug::WakeUpMissed => Box::new(Deaf),
            Bug::PokeDropped => Box::new(Forgetful {
                subscription: self.feed.subscribe(user),
                told: Arc::clone(&self.told),
            }),
            Bug::StrangersStream => self.feed.subscribe(self.before(user)),
            Bug::WaiterKept => {
                self.keep(user);
                self.feed.subscribe(user)
            }
            _ => self.feed.subscribe(user),
        }
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

/// A subscriber who forgets each third thing that it hears.
struct Forgetful {
    subscription: Box<dyn Subscription>,
    told: Arc<AtomicU32>,
}

#[async_trait]
impl Subscription for Forgetful {
    async fn changed(&mut self) -> Seq {
        loop {
            let newest = self.subscription.changed().await;
            if !self.told.fetch_add(1, Ordering::SeqCst).is_multiple_of(3) {
                return newest;
            }
        }
    }
}

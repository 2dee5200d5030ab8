//! Live: notifies devices of new changes at once.

use std::sync::Arc;

use kanso_domain::sync::Head;
use kanso_domain::{Seq, UserId};

use crate::ports::feed::{Feed, Subscription};
use crate::ports::storage::{MAX_HEADS, Storage};
use crate::{Fault, Outcome};

/// The feature: heads of histories, and subscriptions to them.
#[derive(Clone)]
pub struct Live {
    storage: Arc<dyn Storage>,
    feed: Arc<dyn Feed>,
}

/// A subscription to the head of one user's history.
pub struct HeadSubscription {
    head: Head,
    newest: Seq,
    subscription: Box<dyn Subscription>,
}

impl Live {
    /// Returns the feature over its ports.
    pub fn new(storage: Arc<dyn Storage>, feed: Arc<dyn Feed>) -> Self {
        Self { storage, feed }
    }

    /// Returns the head of the history of `user`.
    pub async fn head(&self, user: UserId) -> Outcome<Head> {
        self.storage.head(user).await?.ok_or(Fault::AccountGone)
    }

    /// Subscribes to the history of `user` from its present head.
    pub async fn follow(&self, user: UserId) -> Outcome<HeadSubscription> {
        // Subscribe first and read the head then. A commit between the two is in the head or in the
        // feed. In the other order it could be in neither.
        let subscription = self.feed.subscribe(user);
        let head = self.head(user).await?;
        Ok(HeadSubscription {
            head,
            newest: head.seq,
            subscription,
        })
    }

    /// Compares the heads that subscribers in this process have seen with the storage, and
    /// publishes newer ones. Returns the number of users with a missed head.
    ///
    /// A notice of another server can be lost, so the feed alone is not enough. The streams of a
    /// deleted account end by themselves.
    pub async fn sweep(&self) -> Outcome<usize> {
        let mut missed = 0;
        // Only users with a subscriber here are read, in bounded calls. The cost follows the open
        // streams, not the accounts.
        for users in self.feed.followed().chunks(MAX_HEADS) {
            for (user, head) in self.storage.heads(users).await? {
                missed += usize::from(self.feed.catch_up(user, head));
            }
        }
        Ok(missed)
    }
}

impl HeadSubscription {
    /// Returns the head at the start of the subscription.
    pub const fn head(&self) -> Head {
        self.head
    }

    /// Returns the newest position that this subscription has seen.
    pub const fn newest(&self) -> Seq {
        self.newest
    }

    /// Waits for a newer position and returns the newest one.
    ///
    /// The future can be dropped without loss.
    pub async fn next_position(&mut self) -> Seq {
        loop {
            let published = self.subscription.changed().await;
            // Publications may come in another order than the commits, and a sweep may repeat one.
            // So an older position is skipped.
            if published > self.newest {
                self.newest = published;
                return published;
            }
        }
    }

    /// Waits until the history has reached `position`.
    pub async fn wait_for(&mut self, position: Seq) {
        while self.newest < position {
            self.next_position().await;
        }
    }
}

/// Publishes the head of `user` after a commit that did not return it.
///
/// A failure is only logged. The commit stands, and the devices get the change with the next one or
/// with the next sweep.
pub(crate) async fn announce(storage: &dyn Storage, feed: &dyn Feed, user: UserId) {
    // Without a subscriber the read of the head would be for nothing.
    if !feed.has_subscribers(user) {
        return;
    }
    match storage.head(user).await {
        Ok(Some(head)) => feed.publish(user, head.seq),
        Ok(None) => {}
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "devices not notified of a change");
        }
    }
}

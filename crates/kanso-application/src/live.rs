//! Live: a device learns at once that there is something new.

use std::sync::Arc;

use kanso_domain::sync::Head;
use kanso_domain::{Seq, UserId};

use crate::ports::feed::{Feed, Subscription};
use crate::ports::storage::{MAX_HEADS, Storage};
use crate::{Fault, Outcome};

/// What devices wait for.
#[derive(Clone)]
pub struct Live {
    storage: Arc<dyn Storage>,
    feed: Arc<dyn Feed>,
}

/// Somebody who follows a user's history.
pub struct HeadSubscription {
    head: Head,
    newest: Seq,
    subscription: Box<dyn Subscription>,
}

impl Live {
    /// The feature over its ports.
    pub fn new(storage: Arc<dyn Storage>, feed: Arc<dyn Feed>) -> Self {
        Self { storage, feed }
    }

    /// Where the history of `user` stands.
    pub async fn head(&self, user: UserId) -> Outcome<Head> {
        self.storage.head(user).await?.ok_or(Fault::AccountGone)
    }

    /// Follows the history of `user` from where it stands.
    pub async fn follow(&self, user: UserId) -> Outcome<HeadSubscription> {
        // In this order nothing is missed that is committed between the two.
        let subscription = self.feed.subscribe(user);
        let head = self.head(user).await?;
        Ok(HeadSubscription {
            head,
            newest: head.seq,
            subscription,
        })
    }

    /// Compares what those who are followed here were told with the storage, and tells them where
    /// it is further: the hint that another server sent may have been lost. Says of how many
    /// people that was so. An account that is gone is left to its streams.
    pub async fn sweep(&self) -> Outcome<usize> {
        let mut missed = 0;
        for users in self.feed.followed().chunks(MAX_HEADS) {
            for (user, head) in self.storage.heads(users).await? {
                missed += usize::from(self.feed.catch_up(user, head));
            }
        }
        Ok(missed)
    }
}

impl HeadSubscription {
    /// Where the history stood when the following began.
    pub const fn head(&self) -> Head {
        self.head
    }

    /// The newest position that is known.
    pub const fn newest(&self) -> Seq {
        self.newest
    }

    /// Waits until there is a newer position, and tells the newest. To give up waiting loses
    /// nothing.
    pub async fn next_position(&mut self) -> Seq {
        loop {
            let published = self.subscription.changed().await;
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

/// Tells the devices of `user` where their history stands, after a commit that did not say. What
/// was committed stays so whatever happens here, and a device that is not told hears of it with the
/// next change.
pub(crate) async fn announce(storage: &dyn Storage, feed: &dyn Feed, user: UserId) {
    if !feed.has_subscribers(user) {
        return;
    }
    match storage.head(user).await {
        Ok(Some(head)) => feed.publish(user, head.seq),
        Ok(None) => {}
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "devices are not told of a change");
        }
    }
}

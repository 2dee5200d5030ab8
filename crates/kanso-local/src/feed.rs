//! Tells the devices that are connected to this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use kanso_application::ports::feed::{Feed, Subscription};
use kanso_domain::{Seq, UserId};
use tokio::sync::watch;

/// The newest position of everybody who has a subscriber, and of nobody else: memory is bounded by
/// who listens, whatever is published.
#[derive(Clone, Default)]
pub struct LocalFeed(Arc<Heads>);

type Heads = Mutex<HashMap<UserId, watch::Sender<Seq>>>;

impl LocalFeed {
    /// A feed that nobody follows.
    pub fn new() -> Self {
        Self::default()
    }
}

fn lock(heads: &Heads) -> MutexGuard<'_, HashMap<UserId, watch::Sender<Seq>>> {
    // Every change is complete in itself, so a panic elsewhere leaves nothing half done.
    heads.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Feed for LocalFeed {
    fn publish(&self, user: UserId, head: Seq) {
        self.catch_up(user, head);
    }

    fn followed(&self) -> Vec<UserId> {
        lock(&self.0).keys().copied().collect()
    }

    fn catch_up(&self, user: UserId, head: Seq) -> bool {
        let mut before = head;
        if let Some(newest) = lock(&self.0).get(&user) {
            newest.send_if_modified(|newest| {
                before = std::mem::replace(newest, head.max(*newest));
                head > before
            });
        }
        // Who has only just subscribed has read the head, and nothing was published yet.
        before > Seq::ZERO && head > before
    }

    fn has_subscribers(&self, user: UserId) -> bool {
        lock(&self.0).contains_key(&user)
    }

    fn subscribe(&self, user: UserId) -> Box<dyn Subscription> {
        let mut heads = lock(&self.0);
        let newest = heads
            .entry(user)
            .or_insert_with(|| watch::Sender::new(Seq::ZERO));
        Box::new(LocalSubscription {
            newest: newest.subscribe(),
            user,
            heads: Arc::clone(&self.0),
        })
    }
}

struct LocalSubscription {
    newest: watch::Receiver<Seq>,
    user: UserId,
    heads: Arc<Heads>,
}

#[async_trait]
impl Subscription for LocalSubscription {
    async fn changed(&mut self) -> Seq {
        if self.newest.changed().await.is_err() {
            // The sender is kept as long as there is a subscription, and this is one.
            std::future::pending::<()>().await;
        }
        *self.newest.borrow_and_update()
    }
}

impl Drop for LocalSubscription {
    fn drop(&mut self) {
        let mut heads = lock(&self.heads);
        // Under the lock nobody can subscribe, so this one is the last if it is the only one.
        let is_last = |newest: &watch::Sender<Seq>| newest.receiver_count() <= 1;
        if heads.get(&self.user).is_some_and(is_last) {
            heads.remove(&self.user);
            if heads.capacity() > 4 * heads.len().max(64) {
                heads.shrink_to_fit();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};
    use uuid::Uuid;

    fn user(number: u128) -> UserId {
        UserId::new(Uuid::from_u128(number))
    }

    fn seq(number: i64) -> Seq {
        Seq::new(number).expect("a position")
    }

    /// What is told at once.
    fn heard(subscription: &mut dyn Subscription) -> Option<i64> {
        let mut context = Context::from_waker(Waker::noop());
        match pin!(subscription.changed()).poll(&mut context) {
            Poll::Ready(head) => Some(head.get()),
            Poll::Pending => None,
        }
    }

    #[test]
    fn a_slow_reader_gets_the_newest_and_no_queue() {
        let feed = LocalFeed::new();
        let mut reader = feed.subscribe(user(1));
        assert_eq!(heard(&mut *reader), None);
        for head in [1, 2, 9, 7] {
            feed.publish(user(1), seq(head));
        }
        assert_eq!(heard(&mut *reader), Some(9));
        assert_eq!(heard(&mut *reader), None);
        feed.publish(user(1), seq(8));
        assert_eq!(heard(&mut *reader), None, "a late word of an older commit");
    }

    #[test]
    fn each_hears_of_their_own_history_alone() {
        let feed = LocalFeed::new();
        let [mut phone, mut laptop, mut stranger] =
            [1, 1, 2].map(|number| feed.subscribe(user(number)));
        feed.publish(user(1), seq(3));
        assert_eq!(heard(&mut *phone), Some(3));
        assert_eq!(heard(&mut *laptop), Some(3));
        assert_eq!(heard(&mut *stranger), None);
    }

    #[test]
    fn what_was_missed_is_caught_up_with_once() {
        let feed = LocalFeed::new();
        assert!(!feed.catch_up(user(1), seq(1)), "nobody follows");
        assert!(lock(&feed.0).is_empty());
        let mut reader = feed.subscribe(user(1));
        assert_eq!(feed.followed(), [user(1)]);
        assert!(!feed.catch_up(user(1), seq(3)), "the first word");
        assert_eq!(heard(&mut *reader), Some(3));
        for (head, is_news) in [(3, false), (2, false), (5, true), (5, false)] {
            assert_eq!(feed.catch_up(user(1), seq(head)), is_news, "{head}");
        }
        assert_eq!(heard(&mut *reader), Some(5));
        assert_eq!(heard(&mut *reader), None);
        feed.publish(user(1), seq(6));
        assert!(!feed.catch_up(user(1), seq(6)), "it was published");
        drop(reader);
        assert!(feed.followed().is_empty());
    }

    #[test]
    fn nothing_is_kept_for_whom_nobody_listens() {
        let feed = LocalFeed::new();
        feed.publish(user(1), seq(5));
        assert!(lock(&feed.0).is_empty());
        let (one, other) = (feed.subscribe(user(1)), feed.subscribe(user(1)));
        drop(one);
        assert!(feed.has_subscribers(user(1)));
        drop(other);
        assert!(!feed.has_subscribers(user(1)));
        assert!(lock(&feed.0).is_empty());
    }

    #[test]
    fn many_come_and_go() {
        let feed = LocalFeed::new();
        let all: Vec<_> = (0..10_000)
            .map(|number| feed.subscribe(user(number)))
            .collect();
        assert_eq!(lock(&feed.0).len(), 10_000);
        drop(all);
        let heads = lock(&feed.0);
        assert!(heads.is_empty() && heads.capacity() < 1_000);
    }
}

//! The feed within this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use kanso_application::ports::feed::{Feed, Subscription};
use kanso_domain::{Seq, UserId};
use tokio::sync::Notify;

/// Holds the newest head of each user with a subscriber, and of no other user. So its memory is bounded
/// by the number of open streams, not by the number of publishing users.
#[derive(Clone, Default)]
pub struct LocalFeed(Arc<UserHeads>);

type UserHeads = Mutex<HashMap<UserId, Arc<UserHead>>>;

/// Newest head of a user, and the subscribers that wait for a newer one.
//
// Not a `tokio::sync::watch` channel: that wakes waiters in a random order. `Notify` wakes them in the
// order in which they began to wait, so that a seed of the simulation gives one trace.
#[derive(Default)]
struct UserHead {
    newest: Mutex<Seq>,
    moved: Notify,
}

impl UserHead {
    fn newest(&self) -> MutexGuard<'_, Seq> {
        lock(&self.newest)
    }

    /// Advances to `head` if that is newer, and returns the head before.
    fn advance(&self, head: Seq) -> Seq {
        let mut newest = self.newest();
        let before = *newest;
        if head > before {
            *newest = head;
            // Unlocked before the wake-up: the woken tasks read it at once.
            drop(newest);
            self.moved.notify_waiters();
        }
        before
    }
}

impl LocalFeed {
    /// Makes a feed without subscribers.
    pub fn new() -> Self {
        Self::default()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each change is a single step, so a poisoned lock guards a consistent value.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Feed for LocalFeed {
    fn publish(&self, user: UserId, head: Seq) {
        self.catch_up(user, head);
    }

    fn followed(&self) -> Vec<UserId> {
        let mut followed: Vec<_> = lock(&self.0).keys().copied().collect();
        // Sorted, because the order of a hash map would make simulated traces random.
        followed.sort_unstable();
        followed
    }

    fn catch_up(&self, user: UserId, head: Seq) -> bool {
        let heads = lock(&self.0);
        let before = heads.get(&user).map_or(head, |one| one.advance(head));
        // A head of zero means that nothing was published since the first subscription. The subscriber
        // reads the head from the storage itself, so the sweep has not found a missed notice.
        before > Seq::ZERO && head > before
    }

    fn has_subscribers(&self, user: UserId) -> bool {
        lock(&self.0).contains_key(&user)
    }

    fn subscribe(&self, user: UserId) -> Box<dyn Subscription> {
        let mut heads = lock(&self.0);
        let head = Arc::clone(heads.entry(user).or_default());
        let seen = *head.newest();
        Box::new(LocalSubscription {
            head,
            seen,
            user,
            heads: Arc::clone(&self.0),
        })
    }
}

struct LocalSubscription {
    head: Arc<UserHead>,
    seen: Seq,
    user: UserId,
    heads: Arc<UserHeads>,
}

#[async_trait]
impl Subscription for LocalSubscription {
    async fn changed(&mut self) -> Seq {
        loop {
            // Created before the head is read: `notified` receives every `notify_waiters` from its creation
            // on, so a head that is published between the two lines is not missed.
            let moved = self.head.moved.notified();
            let newest = *self.head.newest();
            if newest > self.seen {
                self.seen = newest;
                return newest;
            }
            moved.await;
        }
    }
}

impl Drop for LocalSubscription {
    fn drop(&mut self) {
        let mut heads = lock(&self.heads);
        // The lock keeps new subscribers out. Two references are those of the map and of this
        // subscription, so it is the last one.
        let is_last = |head: &Arc<UserHead>| Arc::strong_count(head) <= 2;
        if heads.get(&self.user).is_some_and(is_last) {
            heads.remove(&self.user);
            // A map never shrinks by itself, and thousands of streams may end together.
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
    use std::task::{Context, Poll, Wake, Waker};
    use uuid::Uuid;

    fn user(number: u128) -> UserId {
        UserId::new(Uuid::from_u128(number))
    }

    fn seq(number: i64) -> Seq {
        Seq::new(number).expect("a position")
    }

    /// Returns the head that is available without waiting.
    fn received(subscription: &mut dyn Subscription) -> Option<i64> {
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
        assert_eq!(received(&mut *reader), None);
        for head in [1, 2, 9, 7] {
            feed.publish(user(1), seq(head));
        }
        assert_eq!(received(&mut *reader), Some(9));
        assert_eq!(received(&mut *reader), None);
        feed.publish(user(1), seq(8));
        assert_eq!(
            received(&mut *reader),
            None,
            "a late notice of an older commit"
        );
    }

    /// Records the order of wake-ups.
    struct RecordingWaker(usize, Arc<Mutex<Vec<usize>>>);

    impl Wake for RecordingWaker {
        fn wake(self: Arc<Self>) {
            self.1.lock().unwrap().push(self.0);
        }
    }

    #[test]
    fn subscribers_are_woken_in_the_order_of_waiting() {
        let feed = LocalFeed::new();
        let woken = Arc::default();
        let mut readers: Vec<_> = (0..20).map(|_| feed.subscribe(user(1))).collect();
        let mut waits: Vec<_> = readers.iter_mut().map(|one| one.changed()).collect();
        for (number, wait) in waits.iter_mut().enumerate() {
            let waker = Waker::from(Arc::new(RecordingWaker(number, Arc::clone(&woken))));
            let waits = wait.as_mut().poll(&mut Context::from_waker(&waker));
            assert!(waits.is_pending());
        }
        feed.publish(user(1), seq(1));
        assert!(woken.lock().unwrap().iter().copied().eq(0..20), "{woken:?}");
    }

    #[test]
    fn each_user_receives_only_their_own_heads() {
        let feed = LocalFeed::new();
        let [mut phone, mut laptop, mut stranger] =
            [1, 1, 2].map(|number| feed.subscribe(user(number)));
        feed.publish(user(1), seq(3));
        assert_eq!(received(&mut *phone), Some(3));
        assert_eq!(received(&mut *laptop), Some(3));
        assert_eq!(received(&mut *stranger), None);
    }

    #[test]
    fn a_missed_head_is_published_once() {
        let feed = LocalFeed::new();
        assert!(!feed.catch_up(user(1), seq(1)), "no subscriber");
        assert!(lock(&feed.0).is_empty());
        let mut reader = feed.subscribe(user(1));
        assert_eq!(feed.followed(), [user(1)]);
        assert!(!feed.catch_up(user(1), seq(3)), "the first head");
        assert_eq!(received(&mut *reader), Some(3));
        for (head, is_news) in [(3, false), (2, false), (5, true), (5, false)] {
            assert_eq!(feed.catch_up(user(1), seq(head)), is_news, "{head}");
        }
        assert_eq!(received(&mut *reader), Some(5));
        assert_eq!(received(&mut *reader), None);
        feed.publish(user(1), seq(6));
        assert!(!feed.catch_up(user(1), seq(6)), "published already");
        drop(reader);
        assert!(feed.followed().is_empty());
    }

    #[test]
    fn no_head_is_kept_without_a_subscriber() {
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
    fn many_subscribers_leave_no_memory() {
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

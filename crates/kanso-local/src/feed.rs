//! Tells the devices that are connected to this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use kanso_application::ports::feed::{Feed, Subscription};
use kanso_domain::{Seq, UserId};
use tokio::sync::Notify;

/// The newest position of everybody who has a subscriber, and of nobody else: memory is bounded by
/// who listens, whatever is published.
#[derive(Clone, Default)]
pub struct LocalFeed(Arc<Heads>);

type Heads = Mutex<HashMap<UserId, Arc<Position>>>;

/// Where a history stands, and who waits for it to move.
///
/// Not a watch channel, which wakes those who wait in an order of chance: these are woken in the
/// order in which they began to wait, so that a simulated seed gives one trace.
#[derive(Default)]
struct Position {
    newest: Mutex<Seq>,
    moved: Notify,
}

impl Position {
    fn newest(&self) -> MutexGuard<'_, Seq> {
        lock(&self.newest)
    }

    /// Moves it on to `head`, if that is further, and tells where it was.
    fn reach(&self, head: Seq) -> Seq {
        let mut newest = self.newest();
        let before = *newest;
        if head > before {
            *newest = head;
            drop(newest);
            self.moved.notify_waiters();
        }
        before
    }
}

impl LocalFeed {
    /// A feed that nobody follows.
    pub fn new() -> Self {
        Self::default()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change is complete in itself, so a panic elsewhere leaves nothing half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Feed for LocalFeed {
    fn publish(&self, user: UserId, head: Seq) {
        self.catch_up(user, head);
    }

    fn followed(&self) -> Vec<UserId> {
        let mut followed: Vec<_> = lock(&self.0).keys().copied().collect();
        // As with `Position`, who is caught up with first is not to be chance.
        followed.sort_unstable();
        followed
    }

    fn catch_up(&self, user: UserId, head: Seq) -> bool {
        let heads = lock(&self.0);
        let before = heads.get(&user).map_or(head, |one| one.reach(head));
        // Who has only just subscribed has read the head, and nothing was published yet.
        before > Seq::ZERO && head > before
    }

    fn has_subscribers(&self, user: UserId) -> bool {
        lock(&self.0).contains_key(&user)
    }

    fn subscribe(&self, user: UserId) -> Box<dyn Subscription> {
        let mut heads = lock(&self.0);
        let position = Arc::clone(heads.entry(user).or_default());
        let told = *position.newest();
        Box::new(LocalSubscription {
            position,
            told,
            user,
            heads: Arc::clone(&self.0),
        })
    }
}

struct LocalSubscription {
    position: Arc<Position>,
    told: Seq,
    user: UserId,
    heads: Arc<Heads>,
}

#[async_trait]
impl Subscription for LocalSubscription {
    async fn changed(&mut self) -> Seq {
        loop {
            // It hears of every move from here on, also before anybody waits for it.
            let moved = self.position.moved.notified();
            let newest = *self.position.newest();
            if newest > self.told {
                self.told = newest;
                return newest;
            }
            moved.await;
        }
    }
}

impl Drop for LocalSubscription {
    fn drop(&mut self) {
        let mut heads = lock(&self.heads);
        // Under the lock nobody can subscribe, so this one is the last if it is the only one beside
        // the map.
        let is_last = |position: &Arc<Position>| Arc::strong_count(position) <= 2;
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
    use std::task::{Context, Poll, Wake, Waker};
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

    /// Notes who is woken.
    struct Bell(usize, Arc<Mutex<Vec<usize>>>);

    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            self.1.lock().unwrap().push(self.0);
        }
    }

    #[test]
    fn who_waits_is_woken_in_the_order_of_waiting() {
        let feed = LocalFeed::new();
        let woken = Arc::default();
        let mut readers: Vec<_> = (0..20).map(|_| feed.subscribe(user(1))).collect();
        let mut waits: Vec<_> = readers.iter_mut().map(|one| one.changed()).collect();
        for (number, wait) in waits.iter_mut().enumerate() {
            let bell = Waker::from(Arc::new(Bell(number, Arc::clone(&woken))));
            let waits = wait.as_mut().poll(&mut Context::from_waker(&bell));
            assert!(waits.is_pending());
        }
        feed.publish(user(1), seq(1));
        assert!(woken.lock().unwrap().iter().copied().eq(0..20), "{woken:?}");
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

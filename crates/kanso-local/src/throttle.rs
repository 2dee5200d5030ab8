//! The brake on guessing passwords, of one server by itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use kanso_application::ports::clock::Clock;
use kanso_application::ports::evict::Evict;
use kanso_application::ports::throttle::{
    AT_ONCE, Admission, FAILURES_BEFORE_WAIT, LEASE_SECONDS, LONGEST_WAIT_SECONDS, LoginOutcome,
    LoginThrottle,
};
use kanso_domain::Timestamp;
use kanso_domain::accounts::Email;

/// Accounts under attack that are remembered. An entry is at most some 350 bytes.
const CAPACITY: usize = 100_000;

/// Remembers failures in memory.
pub struct LocalThrottle {
    clock: Arc<dyn Clock>,
    tries: Mutex<HashMap<Email, Tries>>,
    capacity: usize,
}

/// What was tried on one account.
#[derive(Clone, Copy)]
struct Tries {
    /// Failures in a row, and when the last of them was.
    failures: u32,
    failed_at: Timestamp,
    /// Attempts that are under way, and when the last of them was admitted.
    under_way: u32,
    admitted_at: Timestamp,
}

impl Tries {
    const fn none(now: Timestamp) -> Self {
        Self {
            failures: 0,
            failed_at: now,
            under_way: 0,
            admitted_at: now,
        }
    }

    /// The same, once what is over is forgotten. A clock that was set back must not keep anybody
    /// waiting until it has caught up.
    fn at(mut self, now: Timestamp) -> Self {
        self.failed_at = self.failed_at.min(now);
        self.admitted_at = self.admitted_at.min(now);
        if now.seconds_since(self.failed_at) >= i64::from(LONGEST_WAIT_SECONDS) {
            self.failures = 0;
        }
        if now.seconds_since(self.admitted_at) >= i64::from(LEASE_SECONDS) {
            self.under_way = 0;
        }
        self
    }

    const fn is_forgotten(&self) -> bool {
        self.failures == 0 && self.under_way == 0
    }

    /// Seconds until the next attempt may be made, rounded up; 0 for at once.
    fn wait_seconds(&self, now: Timestamp) -> u32 {
        let at_once = if self.failures < FAILURES_BEFORE_WAIT {
            AT_ONCE
        } else {
            1
        };
        let over = self.failed_at.plus_seconds(self.penalty_seconds());
        let micros = over.as_micros().saturating_sub(now.as_micros()).max(0);
        let seconds = u32::try_from((micros + 999_999) / 1_000_000).unwrap_or(u32::MAX);
        seconds.max(u32::from(self.under_way >= at_once))
    }

    /// How long after the last failure the next attempt may come.
    fn penalty_seconds(&self) -> i64 {
        let longest = i64::from(LONGEST_WAIT_SECONDS);
        match self.failures.checked_sub(FAILURES_BEFORE_WAIT) {
            None => 0,
            Some(doublings) => (1_i64 << doublings.min(32)).min(longest),
        }
    }
}

impl LocalThrottle {
    /// A brake that remembers nothing yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            tries: Mutex::default(),
            capacity: CAPACITY,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Email, Tries>> {
        // Every change is complete in itself, so a panic elsewhere leaves nothing half done.
        self.tries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is remembered of one account, in one step.
    fn change<T>(&self, email: &Email, work: impl FnOnce(&mut Tries, Timestamp) -> T) -> T {
        let now = self.clock.now();
        let mut tries = self.lock();
        let mut its = tries.get(email).map_or(Tries::none(now), |its| its.at(now));
        let done = work(&mut its, now);
        if its.is_forgotten() {
            tries.remove(email);
            return done;
        }
        if tries.len() >= self.capacity && !tries.contains_key(email) {
            make_room(&mut tries, now, self.capacity);
        }
        tries.insert(email.clone(), its);
        done
    }
}

/// Forgets what is over, and if that is not enough the oldest half.
fn make_room(tries: &mut HashMap<Email, Tries>, now: Timestamp, capacity: usize) {
    tries.retain(|_, its| !its.at(now).is_forgotten());
    if tries.len() < capacity {
        return;
    }
    let newest = |its: &Tries| its.failed_at.max(its.admitted_at);
    let mut times: Vec<Timestamp> = tries.values().map(newest).collect();
    let (_, median, _) = times.select_nth_unstable(capacity / 2);
    let median = *median;
    tries.retain(|_, its| newest(its) > median);
}

#[async_trait]
impl LoginThrottle for LocalThrottle {
    async fn admit(&self, email: &Email) -> Admission {
        self.change(email, |its, now| match its.wait_seconds(now) {
            0 => {
                its.under_way += 1;
                its.admitted_at = now;
                Admission::Admitted
            }
            seconds => Admission::Wait { seconds },
        })
    }

    async fn settle(&self, email: &Email, verdict: LoginOutcome) {
        self.change(email, |its, now| {
            its.under_way = its.under_way.saturating_sub(1);
            match verdict {
                LoginOutcome::Right => its.failures = 0,
                LoginOutcome::Wrong => {
                    its.failures = its.failures.saturating_add(1);
                    its.failed_at = now;
                }
                LoginOutcome::Unknown => {}
            }
        });
    }
}

impl Evict for LocalThrottle {
    fn evict_expired(&self) {
        let now = self.clock.now();
        let mut tries = self.lock();
        tries.retain(|_, its| {
            *its = its.at(now);
            !its.is_forgotten()
        });
        if tries.capacity() > 4 * tries.len().max(64) {
            tries.shrink_to_fit();
        }
    }

    fn kept(&self) -> usize {
        self.lock().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hands::Hands;

    fn throttle() -> (Arc<Hands>, LocalThrottle) {
        let hands = Arc::new(Hands::default());
        (Arc::clone(&hands), LocalThrottle::new(hands))
    }

    fn email(name: impl std::fmt::Display) -> Email {
        format!("{name}@example.org").parse().expect("an address")
    }

    /// The seconds to wait, if any, before an attempt that is not made.
    async fn wait(throttle: &LocalThrottle, name: &str) -> Option<u32> {
        match throttle.admit(&email(name)).await {
            Admission::Wait { seconds } => Some(seconds),
            Admission::Admitted => {
                throttle.settle(&email(name), LoginOutcome::Unknown).await;
                None
            }
        }
    }

    /// So many failures, whatever the brake says of them, and the wait after them.
    async fn fail(throttle: &LocalThrottle, times: u32) -> Option<u32> {
        for _ in 0..times {
            throttle.settle(&email("ada"), LoginOutcome::Wrong).await;
        }
        wait(throttle, "ada").await
    }

    async fn admitted(throttle: &LocalThrottle, attempts: u32) -> u32 {
        let mut admitted = 0;
        for _ in 0..attempts {
            admitted += u32::from(throttle.admit(&email("ada")).await == Admission::Admitted);
        }
        admitted
    }

    #[tokio::test]
    async fn many_at_once_pass_no_sooner_than_one_after_the_other() {
        let (hands, throttle) = throttle();
        assert_eq!(admitted(&throttle, 100).await, AT_ONCE);
        assert_eq!(wait(&throttle, "ada").await, Some(1));
        assert_eq!(wait(&throttle, "grace").await, None);
        let penalty = fail(&throttle, AT_ONCE).await;
        assert_eq!(penalty, Some(8), "each of them counts");
        hands.turn(8);
        assert_eq!(
            admitted(&throttle, 100).await,
            1,
            "nothing is free any more"
        );
        assert_eq!(fail(&throttle, 1).await, Some(16));
    }

    #[tokio::test]
    async fn devices_with_the_right_password_do_not_hinder_one_another() {
        let (_, throttle) = throttle();
        fail(&throttle, 4).await;
        for _ in 0..20 {
            assert_eq!(admitted(&throttle, AT_ONCE).await, AT_ONCE);
            for _ in 0..AT_ONCE {
                throttle.settle(&email("ada"), LoginOutcome::Right).await;
            }
        }
        assert_eq!(throttle.kept(), 0);
    }

    #[tokio::test]
    async fn an_attempt_of_which_nothing_is_heard_is_over_after_a_minute() {
        let (hands, throttle) = throttle();
        admitted(&throttle, AT_ONCE).await;
        hands.turn(59);
        assert_eq!(wait(&throttle, "ada").await, Some(1));
        hands.turn(1);
        assert_eq!(wait(&throttle, "ada").await, None);
        // It is heard of late.
        assert_eq!(fail(&throttle, 4).await, None);
        assert_eq!(fail(&throttle, 1).await, Some(1));
    }

    #[tokio::test]
    async fn a_mistake_of_the_server_is_nobodys_failure() {
        let (_, throttle) = throttle();
        for _ in 0..100 {
            assert_eq!(admitted(&throttle, 1).await, 1);
            throttle.settle(&email("ada"), LoginOutcome::Unknown).await;
        }
        assert_eq!(throttle.kept(), 0);
    }

    #[tokio::test]
    async fn after_five_failures_each_further_one_doubles_the_wait() {
        let (_, throttle) = throttle();
        assert_eq!(fail(&throttle, 4).await, None);
        for wait in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
            assert_eq!(fail(&throttle, 1).await, Some(wait));
        }
        assert_eq!(fail(&throttle, 100).await, Some(900));
        assert_eq!(wait(&throttle, "grace").await, None);
    }

    #[tokio::test]
    async fn waiting_helps_and_the_next_failure_costs_more() {
        let (hands, throttle) = throttle();
        assert_eq!(fail(&throttle, 6).await, Some(2));
        hands.turn(1);
        assert_eq!(wait(&throttle, "ada").await, Some(1));
        hands.turn(1);
        assert_eq!(wait(&throttle, "ada").await, None);
        assert_eq!(fail(&throttle, 1).await, Some(4));
    }

    #[tokio::test]
    async fn nobody_is_locked_out_for_ever() {
        let (hands, throttle) = throttle();
        assert_eq!(fail(&throttle, 50).await, Some(900));
        hands.turn(900);
        assert_eq!(wait(&throttle, "ada").await, None);
        assert_eq!(fail(&throttle, 1).await, None, "the count begins anew");
    }

    #[tokio::test]
    async fn a_success_forgets_the_failures() {
        let (_, throttle) = throttle();
        fail(&throttle, 9).await;
        throttle.settle(&email("ada"), LoginOutcome::Right).await;
        assert_eq!(fail(&throttle, 4).await, None);
    }

    #[tokio::test]
    async fn a_clock_that_is_set_back_makes_nobody_wait_longer() {
        let (hands, throttle) = throttle();
        fail(&throttle, 20).await;
        hands.turn(-86_400);
        assert_eq!(wait(&throttle, "ada").await, Some(900));
        hands.turn(900);
        assert_eq!(wait(&throttle, "ada").await, None);
    }

    #[tokio::test]
    async fn an_address_is_not_kept_longer_than_its_failures_count() {
        let (hands, throttle) = throttle();
        fail(&throttle, 6).await;
        hands.turn(-60);
        throttle.evict_expired();
        assert_eq!(wait(&throttle, "ada").await, Some(2));
        throttle.settle(&email("grace"), LoginOutcome::Wrong).await;
        hands.turn(899);
        throttle.evict_expired();
        assert_eq!(throttle.kept(), 2);
        hands.turn(1);
        throttle.evict_expired();
        assert_eq!(throttle.kept(), 0);
    }

    #[tokio::test]
    async fn a_flood_of_addresses_is_bounded_and_the_newest_stay() {
        let (hands, mut throttle) = throttle();
        throttle.capacity = 100;
        for number in 0..1000 {
            throttle.settle(&email(number), LoginOutcome::Wrong).await;
            if number % 10 == 0 {
                hands.turn(1);
            }
        }
        assert!(throttle.lock().len() <= 100);
        assert!(throttle.lock().contains_key(&email(999)));
    }
}

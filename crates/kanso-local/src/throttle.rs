//! The login throttle of a single server.

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

/// Maximum number of accounts. An entry takes at most about 350 bytes, so all take 35 MB.
const CAPACITY: usize = 100_000;

/// Counts login attempts in memory.
pub struct LocalThrottle {
    clock: Arc<dyn Clock>,
    accounts: Mutex<HashMap<Email, Attempts>>,
    capacity: usize,
}

/// Recent login attempts on one account.
#[derive(Clone, Copy)]
struct Attempts {
    /// Number of failures in a row, and the instant of the last one.
    failures: u32,
    failed_at: Timestamp,
    /// Number of attempts under way, and the instant at which the last one was admitted.
    under_way: u32,
    admitted_at: Timestamp,
}

impl Attempts {
    const fn none(now: Timestamp) -> Self {
        Self {
            failures: 0,
            failed_at: now,
            under_way: 0,
            admitted_at: now,
        }
    }

    /// Returns the attempts without those that have expired at `now`.
    //
    // If the clock was set back, stored instants lie in the future. They are cut to `now`, or a user
    // would wait until the clock has caught up.
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

    const fn is_empty(&self) -> bool {
        self.failures == 0 && self.under_way == 0
    }

    /// Returns the seconds until the next attempt is admitted, rounded up; 0 for now.
    fn wait_seconds(&self, now: Timestamp) -> u32 {
        let at_once = if self.failures < FAILURES_BEFORE_WAIT {
            AT_ONCE
        } else {
            1
        };
        let over = self.failed_at.plus_seconds(self.penalty_seconds());
        let micros = over.as_micros().saturating_sub(now.as_micros()).max(0);
        let seconds = u32::try_from((micros + 999_999) / 1_000_000).unwrap_or(u32::MAX);
        // With all places taken the wait is at least a second, since the end of an attempt is unknown.
        seconds.max(u32::from(self.under_way >= at_once))
    }

    /// Returns the wait after the last failure: 1, 2, 4, ... seconds, up to the maximum.
    fn penalty_seconds(&self) -> i64 {
        let longest = i64::from(LONGEST_WAIT_SECONDS);
        match self.failures.checked_sub(FAILURES_BEFORE_WAIT) {
            None => 0,
            Some(doublings) => (1_i64 << doublings.min(32)).min(longest),
        }
    }
}

impl LocalThrottle {
    /// Makes an empty throttle.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            accounts: Mutex::default(),
            capacity: CAPACITY,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Email, Attempts>> {
        // Each change is a single insertion or removal, so a poisoned lock guards a consistent map.
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the attempts of one account in one step, so that concurrent attempts see one another.
    fn change<T>(&self, email: &Email, work: impl FnOnce(&mut Attempts, Timestamp) -> T) -> T {
        let now = self.clock.now();
        let mut accounts = self.lock();
        let mut attempts = accounts
            .get(email)
            .map_or(Attempts::none(now), |attempts| attempts.at(now));
        let done = work(&mut attempts, now);
        if attempts.is_empty() {
            accounts.remove(email);
            // Nothing to store. Most accounts never have an entry for longer than one attempt.
            return done;
        }
        // An account that is stored already needs no room.
        if accounts.len() >= self.capacity && !accounts.contains_key(email) {
            make_room(&mut accounts, now, self.capacity);
        }
        accounts.insert(email.clone(), attempts);
        done
    }
}

/// Removes expired accounts, and if that is not enough the older half.
//
// The newer half stays: those are the accounts that are being attacked now.
fn make_room(accounts: &mut HashMap<Email, Attempts>, now: Timestamp, capacity: usize) {
    accounts.retain(|_, attempts| !attempts.at(now).is_empty());
    if accounts.len() < capacity {
        return;
    }
    let newest = |attempts: &Attempts| attempts.failed_at.max(attempts.admitted_at);
    let mut times: Vec<Timestamp> = accounts.values().map(newest).collect();
    let (_, median, _) = times.select_nth_unstable(capacity / 2);
    let median = *median;
    accounts.retain(|_, attempts| newest(attempts) > median);
}

#[async_trait]
impl LoginThrottle for LocalThrottle {
    async fn admit(&self, email: &Email) -> Admission {
        self.change(email, |attempts, now| match attempts.wait_seconds(now) {
            0 => {
                attempts.under_way += 1;
                attempts.admitted_at = now;
                Admission::Admitted
            }
            seconds => Admission::Wait { seconds },
        })
    }

    async fn settle(&self, email: &Email, outcome: LoginOutcome) {
        self.change(email, |attempts, now| {
            attempts.under_way = attempts.under_way.saturating_sub(1);
            match outcome {
                LoginOutcome::Right => attempts.failures = 0,
                LoginOutcome::Wrong => {
                    attempts.failures = attempts.failures.saturating_add(1);
                    attempts.failed_at = now;
                }
                LoginOutcome::Unknown => {}
            }
        });
    }
}

impl Evict for LocalThrottle {
    fn evict_expired(&self) {
        let now = self.clock.now();
        let mut accounts = self.lock();
        accounts.retain(|_, attempts| {
            *attempts = attempts.at(now);
            !attempts.is_empty()
        });
        // A map never shrinks by itself: after an attack it would keep its size.
        if accounts.capacity() > 4 * accounts.len().max(64) {
            accounts.shrink_to_fit();
        }
    }

    fn kept(&self) -> usize {
        self.lock().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manual_clock::ManualClock;

    fn throttle() -> (Arc<ManualClock>, LocalThrottle) {
        let clock = Arc::new(ManualClock::default());
        (Arc::clone(&clock), LocalThrottle::new(clock))
    }

    fn email(name: impl std::fmt::Display) -> Email {
        format!("{name}@example.org").parse().expect("an address")
    }

    /// Returns the seconds to wait, if any, before an attempt. An admitted one is settled as unknown.
    async fn wait(throttle: &LocalThrottle, name: &str) -> Option<u32> {
        match throttle.admit(&email(name)).await {
            Admission::Wait { seconds } => Some(seconds),
            Admission::Admitted => {
                throttle.settle(&email(name), LoginOutcome::Unknown).await;
                None
            }
        }
    }

    /// Records failures, admitted or not, and returns the wait after them.
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
    async fn concurrent_guesses_are_no_faster_than_sequential_ones() {
        let (clock, throttle) = throttle();
        assert_eq!(admitted(&throttle, 100).await, AT_ONCE);
        assert_eq!(wait(&throttle, "ada").await, Some(1));
        assert_eq!(wait(&throttle, "grace").await, None);
        let penalty = fail(&throttle, AT_ONCE).await;
        assert_eq!(penalty, Some(8), "each failure counts");
        clock.advance(8);
        assert_eq!(
            admitted(&throttle, 100).await,
            1,
            "one at a time after a failure"
        );
        assert_eq!(fail(&throttle, 1).await, Some(16));
    }

    #[tokio::test]
    async fn devices_with_the_right_password_do_not_delay_one_another() {
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
    async fn an_unsettled_attempt_ends_after_a_minute() {
        let (clock, throttle) = throttle();
        admitted(&throttle, AT_ONCE).await;
        clock.advance(59);
        assert_eq!(wait(&throttle, "ada").await, Some(1));
        clock.advance(1);
        assert_eq!(wait(&throttle, "ada").await, None);
        // The failure arrives late, and still counts.
        assert_eq!(fail(&throttle, 4).await, None);
        assert_eq!(fail(&throttle, 1).await, Some(1));
    }

    #[tokio::test]
    async fn an_error_of_the_server_counts_as_no_failure() {
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
        let (clock, throttle) = throttle();
        assert_eq!(fail(&throttle, 6).await, Some(2));
        clock.advance(1);
        assert_eq!(wait(&throttle, "ada").await, Some(1));
        clock.advance(1);
        assert_eq!(wait(&throttle, "ada").await, None);
        assert_eq!(fail(&throttle, 1).await, Some(4));
    }

    #[tokio::test]
    async fn no_account_is_locked_for_ever() {
        let (clock, throttle) = throttle();
        assert_eq!(fail(&throttle, 50).await, Some(900));
        clock.advance(900);
        assert_eq!(wait(&throttle, "ada").await, None);
        assert_eq!(fail(&throttle, 1).await, None, "the count restarts");
    }

    #[tokio::test]
    async fn a_success_forgets_the_failures() {
        let (_, throttle) = throttle();
        fail(&throttle, 9).await;
        throttle.settle(&email("ada"), LoginOutcome::Right).await;
        assert_eq!(fail(&throttle, 4).await, None);
    }

    #[tokio::test]
    async fn a_clock_that_is_set_back_makes_no_user_wait_longer() {
        let (clock, throttle) = throttle();
        fail(&throttle, 20).await;
        clock.advance(-86_400);
        assert_eq!(wait(&throttle, "ada").await, Some(900));
        clock.advance(900);
        assert_eq!(wait(&throttle, "ada").await, None);
    }

    #[tokio::test]
    async fn an_address_is_not_kept_longer_than_its_failures_count() {
        let (clock, throttle) = throttle();
        fail(&throttle, 6).await;
        clock.advance(-60);
        throttle.evict_expired();
        assert_eq!(wait(&throttle, "ada").await, Some(2));
        throttle.settle(&email("grace"), LoginOutcome::Wrong).await;
        clock.advance(899);
        throttle.evict_expired();
        assert_eq!(throttle.kept(), 2);
        clock.advance(1);
        throttle.evict_expired();
        assert_eq!(throttle.kept(), 0);
    }

    #[tokio::test]
    async fn a_flood_of_addresses_is_bounded_and_the_newest_stay() {
        let (clock, mut throttle) = throttle();
        throttle.capacity = 100;
        for number in 0..1000 {
            throttle.settle(&email(number), LoginOutcome::Wrong).await;
            if number % 10 == 0 {
                clock.advance(1);
            }
        }
        assert!(throttle.lock().len() <= 100);
        assert!(throttle.lock().contains_key(&email(999)));
    }
}

//! The login throttle of a single server.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use kanso_application::ports::clock::Clock;
use kanso_application::ports::evict::Evict;
use kanso_application::ports::throttle::{
    Admission, Allowance, FAILURE_SECONDS, GuessCount, LEASE_SECONDS, LoginOutcome, LoginThrottle,
};
use kanso_domain::Timestamp;

/// Maximum number of counts. An entry takes at most about 400 bytes, so all take 40 MB.
const CAPACITY: usize = 100_000;

/// Counts login attempts in memory.
pub struct LocalThrottle {
    clock: Arc<dyn Clock>,
    counts: Mutex<HashMap<String, Attempts>>,
    capacity: usize,
}

/// Recent login attempts of one count.
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
        if now.seconds_since(self.failed_at) >= i64::from(FAILURE_SECONDS) {
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
    fn wait_seconds(&self, now: Timestamp, allowance: Allowance) -> u32 {
        let at_once = if self.failures < allowance.failures_before_wait {
            allowance.at_once
        } else {
            1
        };
        let over = self.failed_at.plus_seconds(self.penalty_seconds(allowance));
        let micros = over.as_micros().saturating_sub(now.as_micros()).max(0);
        let seconds = u32::try_from((micros + 999_999) / 1_000_000).unwrap_or(u32::MAX);
        // With all places taken the wait is at least a second, since the end of an attempt is unknown.
        seconds.max(u32::from(self.under_way >= at_once))
    }

    /// Returns the wait after the last failure: 1, 2, 4, ... seconds, up to the maximum.
    fn penalty_seconds(&self, allowance: Allowance) -> i64 {
        let longest = i64::from(allowance.longest_wait_seconds);
        match self.failures.checked_sub(allowance.failures_before_wait) {
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
            counts: Mutex::default(),
            capacity: CAPACITY,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Attempts>> {
        // Each change is a single insertion or removal, so a poisoned lock guards a consistent map.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the attempts of one count in one step, so that concurrent attempts see one another.
    fn change<T>(&self, count: &GuessCount, work: impl FnOnce(&mut Attempts, Timestamp) -> T) -> T {
        let now = self.clock.now();
        let name = count.name();
        let mut counts = self.lock();
        let mut attempts = counts
            .get(name)
            .map_or(Attempts::none(now), |attempts| attempts.at(now));
        let done = work(&mut attempts, now);
        if attempts.is_empty() {
            counts.remove(name);
            // Nothing to store. Most counts never have an entry for longer than one attempt.
            return done;
        }
        // A count that is stored already needs no room.
        if counts.len() >= self.capacity && !counts.contains_key(name) {
            make_room(&mut counts, now, self.capacity);
        }
        counts.insert(name.to_owned(), attempts);
        done
    }
}

/// Removes expired counts, and if that is not enough the older half.
//
// The newer half stays: those are of the accounts that are being attacked now.
fn make_room(counts: &mut HashMap<String, Attempts>, now: Timestamp, capacity: usize) {
    counts.retain(|_, attempts| !attempts.at(now).is_empty());
    if counts.len() < capacity {
        return;
    }
    let newest = |attempts: &Attempts| attempts.failed_at.max(attempts.admitted_at);
    let mut times: Vec<Timestamp> = counts.values().map(newest).collect();
    let (_, median, _) = times.select_nth_unstable(capacity / 2);
    let median = *median;
    counts.retain(|_, attempts| newest(attempts) > median);
}

#[async_trait]
impl LoginThrottle for LocalThrottle {
    async fn admit(&self, count: &GuessCount) -> Admission {
        let allowance = count.allowance();
        self.change(count, |attempts, now| {
            match attempts.wait_seconds(now, allowance) {
                0 => {
                    attempts.under_way += 1;
                    attempts.admitted_at = now;
                    Admission::Admitted
                }
                seconds => Admission::Wait { seconds },
            }
        })
    }

    async fn settle(&self, count: &GuessCount, outcome: LoginOutcome) {
        self.change(count, |attempts, now| {
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
        let mut counts = self.lock();
        counts.retain(|_, attempts| {
            *attempts = attempts.at(now);
            !attempts.is_empty()
        });
        // A map never shrinks by itself: after an attack it would keep its size.
        if counts.capacity() > 4 * counts.len().max(64) {
            counts.shrink_to_fit();
        }
    }

    fn kept(&self) -> usize {
        self.lock().len()
    }
}

#[cfg(test)]
mod tests {
    use kanso_application::ports::limiter::ClientAddress;
    use kanso_application::ports::throttle::Guesser;

    use super::*;
    use crate::manual_clock::ManualClock;

    fn throttle() -> (Arc<ManualClock>, LocalThrottle) {
        let clock = Arc::new(ManualClock::default());
        (Arc::clone(&clock), LocalThrottle::new(clock))
    }

    const AT_ONCE: u32 = Allowance::GUESSER.at_once;

    fn count(name: impl std::fmt::Display) -> GuessCount {
        let email = format!("{name}@example.org").parse().expect("an address");
        let address = "192.0.2.7".parse().expect("an address");
        GuessCount::of_guesser(&email, Guesser::Address(ClientAddress::new(address)))
    }

    /// Returns the seconds to wait, if any, before an attempt. An admitted one is settled as unknown.
    async fn wait(throttle: &LocalThrottle, name: &str) -> Option<u32> {
        match throttle.admit(&count(name)).await {
            Admission::Wait { seconds } => Some(seconds),
            Admission::Admitted => {
                throttle.settle(&count(name), LoginOutcome::Unknown).await;
                None
            }
        }
    }

    /// Records failures, admitted or not, and returns the wait after them.
    async fn fail(throttle: &LocalThrottle, times: u32) -> Option<u32> {
        for _ in 0..times {
            throttle.settle(&count("ada"), LoginOutcome::Wrong).await;
        }
        wait(throttle, "ada").await
    }

    async fn admitted(throttle: &LocalThrottle, attempts: u32) -> u32 {
        let mut admitted = 0;
        for _ in 0..attempts {
            admitted += u32::from(throttle.admit(&count("ada")).await == Admission::Admitted);
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
                throttle.settle(&count("ada"), LoginOutcome::Right).await;
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
            throttle.settle(&count("ada"), LoginOutcome::Unknown).await;
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

    /// A guesser with many addresses is slowed down, and no client waits long for that.
    #[tokio::test]
    async fn the_addresses_together_have_an_allowance_too() {
        let (clock, throttle) = throttle();
        let all = GuessCount::of_account(&"ada@example.org".parse().expect("an address"));
        let mut admitted = 0;
        for _ in 0..3_600 {
            clock.advance(1);
            for _ in 0..10 {
                if throttle.admit(&all).await == Admission::Admitted {
                    admitted += 1;
                    throttle.settle(&all, LoginOutcome::Wrong).await;
                }
            }
        }
        assert!((2_200..=2_400).contains(&admitted), "{admitted}");
        clock.advance(2);
        assert_eq!(throttle.admit(&all).await, Admission::Admitted);
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
        throttle.settle(&count("ada"), LoginOutcome::Right).await;
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
        throttle.settle(&count("grace"), LoginOutcome::Wrong).await;
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
            throttle.settle(&count(number), LoginOutcome::Wrong).await;
            if number % 10 == 0 {
                clock.advance(1);
            }
        }
        assert!(throttle.lock().len() <= 100);
        assert!(throttle.lock().contains_key(count(999).name()));
    }
}

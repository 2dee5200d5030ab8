//! The brake on guessing passwords, of one server by itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use kanso_application::ports::clock::Clock;
use kanso_application::ports::memory::Memory;
use kanso_application::ports::throttle::LoginThrottle;
use kanso_domain::Timestamp;
use kanso_domain::accounts::Email;

/// Failures in a row that cost nothing: a person who mixes up passwords.
const FREE_FAILURES: u32 = 5;
/// The longest wait, and how long a failure is remembered.
const LONGEST_WAIT_SECONDS: i64 = 15 * 60;
/// Accounts under attack that are remembered. An entry is at most some 350 bytes.
const CAPACITY: usize = 100_000;

/// Remembers failures in memory. The fifth in a row costs a second, each further one twice as
/// much, at most 15 minutes; 15 minutes without a failure, or a success, forget them.
pub struct LocalThrottle {
    clock: Arc<dyn Clock>,
    failures: Mutex<HashMap<Email, Failures>>,
    capacity: usize,
}

#[derive(Clone, Copy)]
struct Failures {
    in_a_row: u32,
    last: Timestamp,
}

impl Failures {
    fn are_forgotten(&self, now: Timestamp) -> bool {
        now.seconds_since(self.last) >= LONGEST_WAIT_SECONDS
    }

    /// How long after the last failure the next attempt may come.
    fn wait_seconds(&self) -> i64 {
        match self.in_a_row.checked_sub(FREE_FAILURES) {
            None => 0,
            Some(doublings) => 1_i64
                .checked_shl(doublings.min(32))
                .unwrap_or(LONGEST_WAIT_SECONDS)
                .min(LONGEST_WAIT_SECONDS),
        }
    }
}

impl LocalThrottle {
    /// A brake that remembers nothing yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            failures: Mutex::default(),
            capacity: CAPACITY,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Email, Failures>> {
        // Every change is complete in itself, so a panic elsewhere leaves nothing half done.
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_failure(&self, email: &Email) {
        let now = self.clock.now();
        let mut failures = self.lock();
        if failures.len() >= self.capacity && !failures.contains_key(email) {
            make_room(&mut failures, now, self.capacity);
        }
        let entry = failures.entry(email.clone()).or_insert(Failures {
            in_a_row: 0,
            last: now,
        });
        if entry.are_forgotten(now) {
            entry.in_a_row = 0;
        }
        entry.in_a_row = entry.in_a_row.saturating_add(1);
        entry.last = now;
    }

    fn remaining(&self, email: &Email) -> Option<u32> {
        let now = self.clock.now();
        let mut failures = self.lock();
        let entry = failures.get_mut(email)?;
        // A clock that was set back must not keep anybody waiting until it has caught up.
        entry.last = entry.last.min(now);
        if entry.are_forgotten(now) {
            return None;
        }
        let over = entry.last.plus_seconds(entry.wait_seconds());
        let micros = over.as_micros().saturating_sub(now.as_micros()).max(0);
        let seconds = u32::try_from((micros + 999_999) / 1_000_000).unwrap_or(u32::MAX);
        (seconds > 0).then_some(seconds)
    }
}

/// Forgets what is over, and if that is not enough the oldest half.
fn make_room(failures: &mut HashMap<Email, Failures>, now: Timestamp, capacity: usize) {
    failures.retain(|_, entry| !entry.are_forgotten(now));
    if failures.len() < capacity {
        return;
    }
    let mut times: Vec<Timestamp> = failures.values().map(|entry| entry.last).collect();
    let (_, median, _) = times.select_nth_unstable(capacity / 2);
    let median = *median;
    failures.retain(|_, entry| entry.last > median);
}

#[async_trait]
impl LoginThrottle for LocalThrottle {
    async fn wait_seconds(&self, email: &Email) -> Option<u32> {
        self.remaining(email)
    }

    async fn failed(&self, email: &Email) {
        self.note_failure(email);
    }

    async fn succeeded(&self, email: &Email) {
        self.lock().remove(email);
    }
}

impl Memory for LocalThrottle {
    fn forget(&self) {
        let now = self.clock.now();
        let mut failures = self.lock();
        failures.retain(|_, entry| {
            // As in `remaining`: a clock that was set back does not make anything last longer.
            entry.last = entry.last.min(now);
            !entry.are_forgotten(now)
        });
        if failures.capacity() > 4 * failures.len().max(64) {
            failures.shrink_to_fit();
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

    async fn fail(throttle: &LocalThrottle, times: u32) -> Option<u32> {
        for _ in 0..times {
            throttle.failed(&email("ada")).await;
        }
        throttle.wait_seconds(&email("ada")).await
    }

    #[tokio::test]
    async fn after_five_failures_each_further_one_doubles_the_wait() {
        let (_, throttle) = throttle();
        assert_eq!(fail(&throttle, 4).await, None);
        for wait in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
            assert_eq!(fail(&throttle, 1).await, Some(wait));
        }
        assert_eq!(fail(&throttle, 100).await, Some(900));
        assert_eq!(throttle.wait_seconds(&email("grace")).await, None);
    }

    #[tokio::test]
    async fn waiting_helps_and_the_next_failure_costs_more() {
        let (hands, throttle) = throttle();
        assert_eq!(fail(&throttle, 6).await, Some(2));
        hands.turn(1);
        assert_eq!(throttle.wait_seconds(&email("ada")).await, Some(1));
        hands.turn(1);
        assert_eq!(throttle.wait_seconds(&email("ada")).await, None);
        assert_eq!(fail(&throttle, 1).await, Some(4));
    }

    #[tokio::test]
    async fn nobody_is_locked_out_for_ever() {
        let (hands, throttle) = throttle();
        assert_eq!(fail(&throttle, 50).await, Some(900));
        hands.turn(900);
        assert_eq!(throttle.wait_seconds(&email("ada")).await, None);
        assert_eq!(fail(&throttle, 1).await, None, "the count begins anew");
    }

    #[tokio::test]
    async fn a_success_forgets_the_failures() {
        let (_, throttle) = throttle();
        fail(&throttle, 9).await;
        throttle.succeeded(&email("ada")).await;
        assert_eq!(fail(&throttle, 4).await, None);
    }

    #[tokio::test]
    async fn a_clock_that_is_set_back_makes_nobody_wait_longer() {
        let (hands, throttle) = throttle();
        fail(&throttle, 20).await;
        hands.turn(-86_400);
        assert_eq!(throttle.wait_seconds(&email("ada")).await, Some(900));
        hands.turn(900);
        assert_eq!(throttle.wait_seconds(&email("ada")).await, None);
    }

    #[tokio::test]
    async fn an_address_is_not_kept_longer_than_its_failures_count() {
        let (hands, throttle) = throttle();
        fail(&throttle, 6).await;
        hands.turn(-60);
        throttle.forget();
        assert_eq!(throttle.wait_seconds(&email("ada")).await, Some(2));
        throttle.failed(&email("grace")).await;
        hands.turn(899);
        throttle.forget();
        assert_eq!(throttle.kept(), 2);
        hands.turn(1);
        throttle.forget();
        assert_eq!(throttle.kept(), 0);
    }

    #[tokio::test]
    async fn a_flood_of_addresses_is_bounded_and_the_newest_stay() {
        let (hands, mut throttle) = throttle();
        throttle.capacity = 100;
        for number in 0..1000 {
            throttle.failed(&email(number)).await;
            if number % 10 == 0 {
                hands.turn(1);
            }
        }
        assert!(throttle.lock().len() <= 100);
        assert!(throttle.lock().contains_key(&email(999)));
    }
}

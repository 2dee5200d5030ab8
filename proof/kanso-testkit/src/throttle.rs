//! A login throttle without time.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use kanso_application::ports::throttle::{
    Admission, Allowance, GuessCount, LoginOutcome, LoginThrottle,
};

/// Throttles a guesser after a number of failures, until it succeeds.
#[derive(Debug)]
pub struct CountingThrottle {
    allowed: u32,
    failures: Mutex<BTreeMap<String, u32>>,
}

impl CountingThrottle {
    /// Wait that a throttled count gets, in seconds.
    pub const WAIT_SECONDS: u32 = 30;

    /// Creates a throttle that allows this many failures.
    pub const fn allowing(failures: u32) -> Self {
        Self {
            allowed: failures,
            failures: Mutex::new(BTreeMap::new()),
        }
    }

    /// Creates a throttle that never throttles.
    pub const fn never() -> Self {
        Self::allowing(u32::MAX)
    }

    /// Number of failures of a count since its last success.
    pub fn failures(&self, count: &GuessCount) -> u32 {
        self.change(|failures| failures.get(count.name()).copied().unwrap_or_default())
    }

    fn change<T>(&self, work: impl FnOnce(&mut BTreeMap<String, u32>) -> T) -> T {
        work(&mut self.failures.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl LoginThrottle for CountingThrottle {
    async fn admit(&self, count: &GuessCount) -> Admission {
        let is_of_guesser = count.allowance() == Allowance::GUESSER;
        if !is_of_guesser || self.failures(count) < self.allowed {
            Admission::Admitted
        } else {
            let seconds = Self::WAIT_SECONDS;
            Admission::Wait { seconds }
        }
    }

    async fn settle(&self, count: &GuessCount, verdict: LoginOutcome) {
        self.change(|failures| match verdict {
            LoginOutcome::Right => drop(failures.remove(count.name())),
            LoginOutcome::Wrong => *failures.entry(count.name().to_owned()).or_default() += 1,
            // A login that was cut off says nothing about the password.
            LoginOutcome::Unknown => {}
        });
    }
}

//! The login throttle of all servers.

use std::sync::Arc;

use async_trait::async_trait;
use kanso_application::ports::credentials::Pseudonyms;
use kanso_application::ports::throttle::{
    Admission, FAILURE_SECONDS, GuessCount, LEASE_SECONDS, LoginOutcome, LoginThrottle,
};
use redis::Script;

use crate::{Redis, measure};

/// Counts login attempts in Redis, under keyed names (HMAC) that hide the accounts. While Redis is
/// unavailable this server counts alone, so guessing is always slowed down.
///
/// An attempt may be admitted in Redis and settled in the fallback, or the reverse. Then it ends after
/// [`LEASE_SECONDS`] in the first, and its failure counts in the second.
pub struct RedisThrottle {
    redis: Redis,
    script: Script,
    names: Arc<dyn Pseudonyms>,
    fallback: Arc<dyn LoginThrottle>,
}

impl RedisThrottle {
    /// Makes a throttle on `redis`, with `fallback` while that is unavailable.
    pub fn new(redis: Redis, names: Arc<dyn Pseudonyms>, fallback: Arc<dyn LoginThrottle>) -> Self {
        Self {
            redis,
            script: Script::new(include_str!("throttle.lua")),
            names,
            fallback,
        }
    }

    /// Runs one step of the script. Returns the seconds to wait; `None` if Redis is unavailable.
    async fn step(&self, count: &GuessCount, step: &str) -> Option<u32> {
        let allowance = count.allowance();
        let mut call = self.script.prepare_invoke();
        call.key(format!("kanso:login:{}", self.names.name(count.name())))
            .arg(step)
            .arg(allowance.failures_before_wait)
            .arg(allowance.longest_wait_seconds)
            .arg(allowance.at_once)
            .arg(LEASE_SECONDS)
            .arg(FAILURE_SECONDS);
        let seconds = self
            .redis
            .ask(async |mut connection| call.invoke_async::<u32>(&mut connection).await);
        let seconds = seconds.await.ok();
        if seconds.is_none() {
            measure::fell_back("throttle");
        }
        seconds
    }
}

impl std::fmt::Debug for RedisThrottle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisThrottle").finish_non_exhaustive()
    }
}

#[async_trait]
impl LoginThrottle for RedisThrottle {
    async fn admit(&self, count: &GuessCount) -> Admission {
        match self.step(count, "admit").await {
            None => self.fallback.admit(count).await,
            Some(0) => Admission::Admitted,
            Some(seconds) => Admission::Wait { seconds },
        }
    }

    async fn settle(&self, count: &GuessCount, outcome: LoginOutcome) {
        let step = match outcome {
            LoginOutcome::Right => "right",
            LoginOutcome::Wrong => "wrong",
            LoginOutcome::Unknown => "unknown",
        };
        // The failure must count somewhere, also if the attempt was admitted in Redis.
        if self.step(count, step).await.is_none() {
            self.fallback.settle(count, outcome).await;
        }
    }
}

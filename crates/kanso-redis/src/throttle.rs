//! The brake on guessing passwords that all servers share.

use std::sync::Arc;

use async_trait::async_trait;
use kanso_application::ports::credentials::Pseudonyms;
use kanso_application::ports::throttle::{
    AT_ONCE, Admission, FAILURES_BEFORE_WAIT, LEASE_SECONDS, LONGEST_WAIT_SECONDS, LoginOutcome,
    LoginThrottle,
};
use kanso_domain::accounts::Email;
use redis::Script;

use crate::{Redis, measure};

/// Counts attempts in Redis, under names that say nothing of the accounts, and by itself while Redis
/// is away: guessing is never free.
///
/// An attempt that was admitted in one place and is settled in the other is over after
/// [`LEASE_SECONDS`] in the first, and its failure counts in the second.
pub struct RedisThrottle {
    redis: Redis,
    script: Script,
    names: Arc<dyn Pseudonyms>,
    alone: Arc<dyn LoginThrottle>,
}

impl RedisThrottle {
    /// Counts in `redis`, and with `alone` while that is away.
    pub fn new(redis: Redis, names: Arc<dyn Pseudonyms>, alone: Arc<dyn LoginThrottle>) -> Self {
        Self {
            redis,
            script: Script::new(include_str!("throttle.lua")),
            names,
            alone,
        }
    }

    /// What Redis says to a step, if it can be asked: seconds to wait.
    async fn step(&self, email: &Email, step: &str) -> Option<u32> {
        let mut call = self.script.prepare_invoke();
        call.key(format!("kanso:login:{}", self.names.name(email.as_str())))
            .arg(step)
            .arg(FAILURES_BEFORE_WAIT)
            .arg(LONGEST_WAIT_SECONDS)
            .arg(AT_ONCE)
            .arg(LEASE_SECONDS);
        let answered = self
            .redis
            .ask(async |mut connection| call.invoke_async::<u32>(&mut connection).await);
        let answered = answered.await.ok();
        if answered.is_none() {
            measure::went_without("throttle");
        }
        answered
    }
}

impl std::fmt::Debug for RedisThrottle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisThrottle").finish_non_exhaustive()
    }
}

#[async_trait]
impl LoginThrottle for RedisThrottle {
    async fn admit(&self, email: &Email) -> Admission {
        match self.step(email, "admit").await {
            None => self.alone.admit(email).await,
            Some(0) => Admission::Admitted,
            Some(seconds) => Admission::Wait { seconds },
        }
    }

    async fn settle(&self, email: &Email, verdict: LoginOutcome) {
        let step = match verdict {
            LoginOutcome::Right => "right",
            LoginOutcome::Wrong => "wrong",
            LoginOutcome::Unknown => "unknown",
        };
        if self.step(email, step).await.is_none() {
            self.alone.settle(email, verdict).await;
        }
    }
}

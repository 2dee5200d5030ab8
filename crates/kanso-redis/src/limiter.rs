//! The rate limiter that all servers share.

use std::sync::Arc;

use async_trait::async_trait;
use kanso_application::ports::credentials::Pseudonyms;
use kanso_application::ports::limiter::{ClientAddress, LimitState, RateLimit, RateLimiter};
use redis::Script;

use crate::{Redis, measure};

const MICROS_PER_SECOND: u64 = 1_000_000;

/// Counts requests in Redis, exactly over all servers, and by itself while Redis is away: a limit
/// is never open.
pub struct RedisLimiter {
    redis: Redis,
    script: Script,
    names: Arc<dyn Pseudonyms>,
    alone: Arc<dyn RateLimiter>,
}

impl RedisLimiter {
    /// Counts in `redis`, under names that say nothing of the addresses, and with `alone` while that
    /// is away.
    pub fn new(redis: Redis, names: Arc<dyn Pseudonyms>, alone: Arc<dyn RateLimiter>) -> Self {
        Self {
            redis,
            script: Script::new(include_str!("gcra.lua")),
            names,
            alone,
        }
    }
}

impl std::fmt::Debug for RedisLimiter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisLimiter").finish_non_exhaustive()
    }
}

#[async_trait]
impl RateLimiter for RedisLimiter {
    async fn check(&self, address: ClientAddress, limit: RateLimit) -> LimitState {
        let window = u64::from(limit.window_seconds.max(1)) * MICROS_PER_SECOND;
        let requests = limit.requests.max(1);
        // At least a microsecond, so that nothing divides by zero.
        let emission = (window / u64::from(requests)).max(1);
        let key = format!(
            "kanso:rate:{}:{requests}:{}",
            self.names.name(&address.ip().to_string()),
            limit.window_seconds
        );
        let mut call = self.script.prepare_invoke();
        call.key(key).arg(emission).arg(requests);
        let counted = self.redis.ask(async |mut connection| {
            call.invoke_async::<(u8, u64, u64, u64)>(&mut connection)
                .await
        });
        let Ok((allowed, free, until_full, wait)) = counted.await else {
            measure::went_without("limiter");
            return self.alone.check(address, limit).await;
        };
        LimitState {
            allowed: allowed == 1,
            limit,
            remaining: u32::try_from(free / emission).unwrap_or(u32::MAX),
            reset_seconds: whole_seconds(until_full),
            retry_after_seconds: whole_seconds(wait),
        }
    }
}

/// Rounded up.
fn whole_seconds(micros: u64) -> u32 {
    u32::try_from(micros.div_ceil(MICROS_PER_SECOND)).unwrap_or(u32::MAX)
}

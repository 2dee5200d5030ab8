//! The rate limiter of all servers.

use std::sync::Arc;

use async_trait::async_trait;
use kanso_application::ports::credentials::Pseudonyms;
use kanso_application::ports::limiter::{
    LimitScope, LimitState, LimitedClient, RateLimit, RateLimiter,
};
use redis::Script;

use crate::{Redis, measure};

const MICROS_PER_SECOND: u64 = 1_000_000;

/// Counts requests in Redis, exactly over all servers. While Redis is unavailable this server counts
/// alone, so a limit is always enforced.
pub struct RedisLimiter {
    redis: Redis,
    script: Script,
    names: Arc<dyn Pseudonyms>,
    fallback: Arc<dyn RateLimiter>,
}

impl RedisLimiter {
    /// Makes a limiter on `redis`, with `fallback` while that is unavailable.
    ///
    /// `names` hides the addresses. A plain hash would not: all IPv4 addresses can be hashed in
    /// seconds, so the names are keyed (HMAC) with a secret that Redis does not have.
    pub fn new(redis: Redis, names: Arc<dyn Pseudonyms>, fallback: Arc<dyn RateLimiter>) -> Self {
        Self {
            redis,
            script: Script::new(include_str!("gcra.lua")),
            names,
            fallback,
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
    async fn check(&self, client: LimitedClient, limit: RateLimit, cost: u32) -> LimitState {
        let window = u64::from(limit.window_seconds.max(1)) * MICROS_PER_SECOND;
        let requests = limit.requests.max(1);
        // At least one microsecond: the division below must not be by zero.
        let emission = (window / u64::from(requests)).max(1);
        // The limit is part of the key: a changed limit starts with a full bucket, and the old key expires.
        let name = match client {
            LimitedClient::Address(address) => self.names.name(&address.ip().to_string()),
            LimitedClient::User(user) => user.to_string(),
        };
        let mut key = format!("kanso:rate:{name}:{requests}:{}", limit.window_seconds);
        if limit.scope != LimitScope::All {
            key = format!("{key}:{}", limit.scope.as_str());
        }
        let mut call = self.script.prepare_invoke();
        // At most the whole limit, or the request could never be carried out.
        let cost = cost.clamp(1, requests);
        call.key(key).arg(emission).arg(requests).arg(cost);
        let counted = self.redis.ask(async |mut connection| {
            call.invoke_async::<(u8, u64, u64, u64)>(&mut connection)
                .await
        });
        let Ok((allowed, free, until_full, wait)) = counted.await else {
            measure::fell_back("limiter");
            return self.fallback.check(client, limit, cost).await;
        };
        LimitState {
            allowed: allowed == 1,
            limit,
            // Bounded, so that a value which this program did not write locks no client out for ever.
            remaining: u32::try_from(free / emission).map_or(requests, |free| free.min(requests)),
            reset_seconds: whole_seconds(until_full).min(limit.window_seconds),
            retry_after_seconds: whole_seconds(wait).min(limit.window_seconds),
        }
    }
}

/// Converts to seconds, rounded up: a client that waits this long is not too early.
fn whole_seconds(micros: u64) -> u32 {
    u32::try_from(micros.div_ceil(MICROS_PER_SECOND)).unwrap_or(u32::MAX)
}

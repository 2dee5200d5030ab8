//! The rate limiter of a single server.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use kanso_application::ports::evict::Evict;
use kanso_application::ports::limiter::{LimitState, LimitedClient, RateLimit, RateLimiter};
use tokio::time::Instant;

use crate::gcra::decide;

/// Number of shards, each with its own lock, so that cores rarely wait for one another.
const SHARDS: usize = 16;
/// Maximum number of buckets of a shard. All shards together stay below 32 MiB.
const SHARD_CAPACITY: usize = 16_384;
/// Number of buckets of a shard at which the first sweep removes the full ones.
const FIRST_SWEEP: usize = 256;

/// Counts requests in memory, on tokio's clock, which a paused runtime of a test can move.
///
/// A full bucket equals no bucket, so it is removed when its shard has doubled. If there are more
/// addresses than fit, the buckets nearest to full are removed first: an address that has used up its
/// limit stays refused, so a flood of addresses does not free an attacker.
pub struct LocalLimiter {
    shards: Vec<Mutex<Shard>>,
    hasher: RandomState,
    started: Instant,
}

#[derive(Default)]
struct Shard {
    buckets: HashMap<Bucket, Duration>,
    sweep_at: usize,
}

/// A client under one limit.
type Bucket = (LimitedClient, RateLimit);

impl LocalLimiter {
    /// Makes an empty limiter.
    pub fn new() -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self {
            shards,
            hasher: RandomState::new(),
            started: Instant::now(),
        }
    }

    fn count(&self, client: LimitedClient, limit: RateLimit, cost: u32) -> LimitState {
        let now = self.started.elapsed();
        let bucket = (client, limit);
        let hash = self.hasher.hash_one(bucket);
        // The hasher has a random seed, so that an attacker cannot choose addresses of one shard. The remainder
        // is smaller than SHARDS and fits in any `usize`.
        let index = usize::try_from(hash % SHARDS as u64).unwrap_or(0);
        let mut shard = lock(&self.shards[index]);
        let (state, full_at) = decide(shard.buckets.get(&bucket).copied(), now, limit, cost);
        shard.buckets.insert(bucket, full_at);
        shard.make_room(now);
        state
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    // Each change is a single insertion or removal, so a poisoned lock guards a consistent map.
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Default for LocalLimiter {
    fn default() -> Self {
        Self::new()
    }
}

impl Shard {
    /// Removes full buckets if the shard has doubled since the last sweep.
    //
    // The cost per request is constant on average: a sweep visits as many buckets as were inserted
    // since the last one, up to a factor of two.
    fn make_room(&mut self, now: Duration) {
        if self.buckets.len() < self.sweep_at.max(FIRST_SWEEP) {
            return;
        }
        self.remove_full(now);
        if self.buckets.len() >= SHARD_CAPACITY {
            // Half at once, so that the next sweep is many insertions away.
            // By the used share, since the limits have different windows.
            let used = |((_, limit), full_at): (&Bucket, &Duration)| {
                let millis = full_at.saturating_sub(now).as_millis();
                millis * 1_000 / u128::from(limit.window_seconds.max(1))
            };
            let mut shares: Vec<u128> = self.buckets.iter().map(used).collect();
            let (_, median, _) = shares.select_nth_unstable(SHARD_CAPACITY / 2);
            let median = *median;
            self.buckets
                .retain(|bucket, full_at| used((bucket, full_at)) > median);
        }
        self.sweep_at = (self.buckets.len() * 2).min(SHARD_CAPACITY);
    }

    /// Removes the full buckets.
    fn remove_full(&mut self, now: Duration) {
        self.buckets.retain(|_, full_at| *full_at > now);
    }
}

#[async_trait]
impl RateLimiter for LocalLimiter {
    async fn check(&self, client: LimitedClient, limit: RateLimit, cost: u32) -> LimitState {
        self.count(client, limit, cost)
    }
}

impl Evict for LocalLimiter {
    fn evict_expired(&self) {
        let now = self.started.elapsed();
        for shard in &self.shards {
            let mut shard = lock(shard);
            shard.remove_full(now);
            shard.buckets.shrink_to(FIRST_SWEEP);
            shard.sweep_at = 0;
        }
    }

    fn kept(&self) -> usize {
        let size = |shard: &Mutex<Shard>| lock(shard).buckets.len();
        self.shards.iter().map(size).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kanso_application::ports::limiter::ClientAddress;
    use std::net::{IpAddr, Ipv4Addr};
    use tokio::time::advance;

    const LIMIT: RateLimit = RateLimit::new(3, 60);

    fn address(number: u32) -> LimitedClient {
        ClientAddress::new(IpAddr::V4(Ipv4Addr::from_bits(number))).into()
    }

    #[tokio::test(start_paused = true)]
    async fn addresses_are_counted_apart_and_time_refills() {
        let limiter = LocalLimiter::new();
        for remaining in [2, 1, 0] {
            assert_eq!(
                limiter.check(address(1), LIMIT, 1).await.remaining,
                remaining
            );
        }
        let refused = limiter.check(address(1), LIMIT, 1).await;
        assert!(!refused.allowed);
        assert_eq!(
            (refused.retry_after_seconds, refused.reset_seconds),
            (20, 60)
        );
        assert!(limiter.check(address(2), LIMIT, 1).await.allowed);

        advance(Duration::from_secs(20)).await;
        assert!(limiter.check(address(1), LIMIT, 1).await.allowed);
        assert!(!limiter.check(address(1), LIMIT, 1).await.allowed);
    }

    #[tokio::test(start_paused = true)]
    async fn limits_are_counted_apart() {
        let limiter = LocalLimiter::new();
        let strict = RateLimit::new(1, 60);
        assert!(limiter.check(address(1), strict, 1).await.allowed);
        assert!(!limiter.check(address(1), strict, 1).await.allowed);
        assert!(limiter.check(address(1), LIMIT, 1).await.allowed);
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_address_is_evicted_when_its_bucket_is_full() {
        let limiter = LocalLimiter::new();
        limiter.check(address(1), LIMIT, 1).await;
        limiter.check(address(2), LIMIT, 1).await;
        limiter.check(address(2), LIMIT, 1).await;
        advance(Duration::from_secs(20)).await;
        limiter.evict_expired();
        assert_eq!(limiter.kept(), 1);
        assert_eq!(limiter.check(address(2), LIMIT, 1).await.remaining, 1);
        advance(Duration::from_mins(1)).await;
        limiter.evict_expired();
        assert_eq!(limiter.kept(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn full_buckets_are_removed_under_a_stream_of_addresses() {
        let limiter = LocalLimiter::new();
        for number in 0..200_000 {
            limiter.check(address(number), LIMIT, 1).await;
            if number % 1000 == 0 {
                advance(Duration::from_secs(20)).await;
            }
        }
        assert!(limiter.kept() <= SHARDS * FIRST_SWEEP, "{}", limiter.kept());
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_addresses_is_bounded_and_frees_no_refused_address() {
        let limiter = LocalLimiter::new();
        for _ in 0..4 {
            limiter.check(address(0), LIMIT, 1).await;
        }
        for number in 1..600_000 {
            limiter.check(address(number), LIMIT, 1).await;
        }
        assert!(
            limiter.kept() <= SHARDS * SHARD_CAPACITY,
            "{}",
            limiter.kept()
        );
        assert!(!limiter.check(address(0), LIMIT, 1).await.allowed);
    }
}

//! Time: the paused clock of the runtime, leaps of days, and hosts whose clocks are wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use kanso_application::ports::clock::Clock;
use kanso_domain::Timestamp;
use tokio::time::Instant;

/// 2026-11-20 06:00 UTC.
const BEGINNING_MICROS: i64 = 1_795_154_400_000_000;

/// The time of the world. It passes with the runtime's paused clock, and leaps ahead of it.
#[derive(Clone, Debug)]
pub struct Time {
    began: Instant,
    leapt_micros: Arc<AtomicI64>,
}

impl Time {
    /// Time begins. Inside a runtime whose clock is paused.
    pub fn begin() -> Self {
        Self {
            began: Instant::now(),
            leapt_micros: Arc::default(),
        }
    }

    /// Milliseconds that were lived through, leaps left out.
    pub fn elapsed_millis(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// The right time.
    pub fn now(&self) -> Timestamp {
        let elapsed = i64::try_from(self.began.elapsed().as_micros()).unwrap_or(i64::MAX / 2);
        let leapt = self.leapt_micros.load(Ordering::SeqCst);
        // In range: a seed lives through some years at most.
        Timestamp::from_micros(BEGINNING_MICROS + elapsed + leapt).unwrap_or(Timestamp::MIN)
    }

    /// Everybody's clock goes on by `seconds` at once: they were all asleep.
    pub fn leap(&self, seconds: i64) {
        self.leapt_micros
            .fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }

    /// The clock of a host that is ahead by `skew_seconds`, or behind.
    pub fn clock(&self, skew_seconds: i64) -> Arc<HostClock> {
        Arc::new(HostClock {
            time: self.clone(),
            skew_seconds,
        })
    }
}

/// A clock that is wrong by the same amount always.
#[derive(Debug)]
pub struct HostClock {
    time: Time,
    skew_seconds: i64,
}

impl HostClock {
    fn reading(&self) -> Timestamp {
        self.time.now().plus_seconds(self.skew_seconds)
    }
}

impl Clock for HostClock {
    fn now(&self) -> Timestamp {
        self.reading()
    }
}

impl kanso_client::clock::Clock for HostClock {
    fn now(&self) -> Timestamp {
        self.reading()
    }
}

/// Lets the paused clock pass.
#[derive(Clone, Copy, Debug)]
pub struct PausedTimer;

#[async_trait]
impl kanso_client::clock::Timer for PausedTimer {
    async fn wait(&self, delay: Duration) {
        tokio::time::sleep(delay).await;
    }
}

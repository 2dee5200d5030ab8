//! Time: the paused clock of the runtime, clock jumps, and hosts with wrong clocks.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use kanso_application::ports::clock::Clock;
use kanso_domain::Timestamp;
use tokio::time::Instant;

/// 2026-11-20 06:00 UTC.
const BEGINNING_MICROS: i64 = 1_795_154_400_000_000;

/// Time of the world. It advances with the runtime's paused clock, plus all clock jumps.
///
/// Tokio advances a paused clock to the next timer when no task can run, so simulated hours cost
/// only the work that is done in them.
#[derive(Clone, Debug)]
pub struct Time {
    began: Instant,
    leapt_micros: Arc<AtomicI64>,
}

impl Time {
    /// Starts the time. Must be called in a runtime with a paused clock.
    pub fn begin() -> Self {
        Self {
            began: Instant::now(),
            leapt_micros: Arc::default(),
        }
    }

    /// Simulated milliseconds since the start, without clock jumps.
    pub fn elapsed_millis(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// The correct time.
    pub fn now(&self) -> Timestamp {
        // `Instant` advances with the paused clock only, so this reads no machine time.
        let elapsed = i64::try_from(self.began.elapsed().as_micros()).unwrap_or(i64::MAX / 2);
        let leapt = self.leapt_micros.load(Ordering::SeqCst);
        // In range: a run covers a few months.
        Timestamp::from_micros(BEGINNING_MICROS + elapsed + leapt).unwrap_or(Timestamp::MIN)
    }

    /// Moves all clocks ahead by `seconds` at once, as if every machine had been suspended. Timers
    /// do not fire early, which is how a suspended device behaves.
    pub fn leap(&self, seconds: i64) {
        self.leapt_micros
            .fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }

    /// Returns the clock of a host that is `skew_seconds` ahead, or behind if negative.
    pub fn clock(&self, skew_seconds: i64) -> Arc<HostClock> {
        Arc::new(HostClock {
            time: self.clone(),
            skew_seconds,
        })
    }
}

/// A clock with a constant error.
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

/// A timer on the paused clock.
#[derive(Clone, Copy, Debug)]
pub struct PausedTimer;

#[async_trait]
impl kanso_client::clock::Timer for PausedTimer {
    async fn wait(&self, delay: Duration) {
        tokio::time::sleep(delay).await;
    }
}

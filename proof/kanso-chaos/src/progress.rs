//! Counters of the writing devices.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use tokio::time::{Instant, sleep, timeout};

use crate::account::DEADLINE;

/// Interval at which waits look at the counters.
const POLL: Duration = Duration::from_millis(5);

/// Number of acknowledged operations so far, shared by all devices of a round.
#[derive(Debug, Default)]
pub struct WriteProgress {
    acknowledged: AtomicU64,
    unknown: AtomicU64,
    /// Time at which the newest acknowledged push was sent.
    newest: Mutex<Option<Instant>>,
}

impl WriteProgress {
    /// Counts the operations of an acknowledged push. `sent` is the start of the attempt that was
    /// answered.
    pub(crate) fn acknowledge(&self, operations: usize, was_unknown: bool, sent: Instant) {
        let operations = operations as u64;
        self.acknowledged.fetch_add(operations, Ordering::Relaxed);
        if was_unknown {
            self.unknown.fetch_add(operations, Ordering::Relaxed);
        }
        let mut newest = self.newest();
        *newest = (*newest).max(Some(sent));
    }

    /// Number of acknowledged operations.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Number of acknowledged operations whose outcome was unknown to the device for a while.
    pub fn once_unknown(&self) -> u64 {
        self.unknown.load(Ordering::Relaxed)
    }

    /// Waits until a push is acknowledged that was sent after `since`.
    ///
    /// The time of sending counts and not the time of the answer: a request that was sent before
    /// the fault may be answered after it, and shows nothing about the recovery.
    ///
    /// # Errors
    /// No push succeeded within [`DEADLINE`].
    pub async fn wait_for_push_after(&self, since: Instant) -> anyhow::Result<()> {
        let is_later = async {
            while self.newest().is_none_or(|newest| newest <= since) {
                sleep(POLL).await;
            }
        };
        let waited = timeout(DEADLINE, is_later).await;
        waited.context("no push was acknowledged after the fault")
    }

    /// Waits until this many more operations are acknowledged.
    ///
    /// # Errors
    /// They were not acknowledged within [`DEADLINE`].
    pub async fn wait_for_more(&self, operations: u64) -> anyhow::Result<()> {
        let goal = self.acknowledged() + operations;
        let reached = async {
            while self.acknowledged() < goal {
                sleep(POLL).await;
            }
        };
        let waited = timeout(DEADLINE, reached).await;
        waited.with_context(|| format!("{operations} more operations were not acknowledged"))
    }

    fn newest(&self) -> MutexGuard<'_, Option<Instant>> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

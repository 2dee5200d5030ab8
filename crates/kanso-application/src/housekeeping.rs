//! Housekeeping: what time removes, in steps that keep nobody waiting.

use std::sync::Arc;

use crate::Outcome;
use crate::ports::clock::Clock;
use crate::ports::storage::Storage;

const SECONDS_PER_DAY: i64 = 86_400;

/// How much is removed in one transaction.
const STEP: u32 = 500;

/// How long things are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Results of operations, in days: a retry after that is a new operation.
    pub receipts_days: u32,
    /// Tombstones, in days: a device that was away longer starts anew.
    pub tombstones_days: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            receipts_days: 90,
            tombstones_days: 180,
        }
    }
}

/// What a step removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct PurgeCounts {
    /// Results of operations.
    pub receipts: u32,
    /// Tombstones.
    pub tombstones: u32,
}

impl PurgeCounts {
    /// Whether there may be more to remove.
    pub const fn has_more(self) -> bool {
        self.receipts >= STEP || self.tombstones >= STEP
    }
}

/// Removes what was kept long enough.
#[derive(Clone)]
pub struct Housekeeping {
    storage: Arc<dyn Storage>,
    clock: Arc<dyn Clock>,
    retention: Retention,
}

impl Housekeeping {
    /// The feature over its ports.
    pub fn new(storage: Arc<dyn Storage>, clock: Arc<dyn Clock>, retention: Retention) -> Self {
        Self {
            storage,
            clock,
            retention,
        }
    }

    /// Removes some of what was kept long enough.
    pub async fn step(&self) -> Outcome<PurgeCounts> {
        let now = self.clock.now();
        let before = |days: u32| now.plus_seconds(-i64::from(days) * SECONDS_PER_DAY);
        let receipts = before(self.retention.receipts_days);
        let tombstones = before(self.retention.tombstones_days);
        Ok(PurgeCounts {
            receipts: self.storage.purge_receipts(receipts, STEP).await?,
            tombstones: self.storage.purge_tombstones(tombstones, STEP).await?,
        })
    }
}

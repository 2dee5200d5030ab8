//! Housekeeping: removes expired data in short steps.

use std::sync::Arc;

use kanso_domain::Timestamp;
use kanso_domain::events::EventLimits;
use kanso_domain::sync::{LoadSet, erase_texts};

use crate::Outcome;
use crate::ports::clock::Clock;
use crate::ports::storage::{Storage, StorageError, WriteOutcome};

const SECONDS_PER_DAY: i64 = 86_400;

/// Rows per transaction. A step must not delay the writes of users.
const STEP: u32 = 500;

/// Rows per transaction of an erasure. `secure_delete` of SQLite makes them more expensive.
const ERASURE_STEP: u32 = 200;

/// Retention times.
#[expect(clippy::struct_field_names, reason = "the unit is in the name")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Days for which receipts are kept. A retry after that is a new operation.
    pub receipts_days: u32,
    /// Days for which tombstones are kept. A device that was away longer must read everything
    /// again.
    pub tombstones_days: u32,
    /// Days for which a tombstone keeps the texts of its record, so that it can be revived as it was.
    pub deleted_texts_days: u32,
    /// Days for which security events are kept.
    pub events_days: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            receipts_days: 90,
            tombstones_days: 180,
            deleted_texts_days: 30,
            events_days: EventLimits::default().days,
        }
    }
}

/// The numbers of removed rows of one step, and of rows without their texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct PurgeCounts {
    /// Receipts.
    pub receipts: u32,
    /// Tombstones.
    pub tombstones: u32,
    /// Security events.
    pub events: u32,
    /// Records whose texts were erased.
    pub texts: u32,
}

impl PurgeCounts {
    /// Returns true if there may be more to remove.
    pub fn has_more(self) -> bool {
        // A full step may have left rows. To know it exactly, the storage would have to count
        // them.
        [self.receipts, self.tombstones, self.events, self.texts]
            .iter()
            .any(|&rows| rows >= STEP)
    }
}

/// The feature: removes expired receipts, tombstones, security events and texts of tombstones, and erases
/// deleted accounts.
///
/// ```
/// use std::sync::Arc;
///
/// use kanso_application::housekeeping::{Housekeeping, Retention};
/// use kanso_testkit::build::noon;
/// use kanso_testkit::{ManualClock, MemoryStorage};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let storage = Arc::new(MemoryStorage::default());
/// let clock = Arc::new(ManualClock::at(noon()));
/// let housekeeping = Housekeeping::new(storage, clock, Retention::default());
///
/// // An empty storage has nothing to remove.
/// let counts = housekeeping.step().await?;
/// assert!(!counts.has_more());
/// # Ok::<(), kanso_application::Fault>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Housekeeping {
    storage: Arc<dyn Storage>,
    clock: Arc<dyn Clock>,
    retention: Retention,
}

impl Housekeeping {
    /// Returns the feature over its ports.
    pub fn new(storage: Arc<dyn Storage>, clock: Arc<dyn Clock>, retention: Retention) -> Self {
        Self {
            storage,
            clock,
            retention,
        }
    }

    /// Erases a part of a deleted account. Returns the number of rows; 0 if there is nothing to erase.
    pub async fn erase(&self) -> Outcome<u32> {
        Ok(self.storage.erase_accounts(ERASURE_STEP).await?)
    }

    /// Removes expired receipts, tombstones, security events and texts of tombstones, a limited number
    /// of each.
    pub async fn step(&self) -> Outcome<PurgeCounts> {
        let now = self.clock.now();
        let before = |days: u32| now.plus_seconds(-i64::from(days) * SECONDS_PER_DAY);
        let receipts = before(self.retention.receipts_days);
        let tombstones = before(self.retention.tombstones_days);
        let events = before(self.retention.events_days);
        Ok(PurgeCounts {
            receipts: self.storage.purge_receipts(receipts, STEP).await?,
            tombstones: self.storage.purge_tombstones(tombstones, STEP).await?,
            events: self.storage.purge_events(events, STEP).await?,
            texts: self
                .erase_texts(before(self.retention.deleted_texts_days), now)
                .await?,
        })
    }

    /// Erases the texts of some records that were deleted before `before`. Returns their number.
    ///
    /// This is an ordinary write of each user: devices get the records again, without the texts.
    async fn erase_texts(&self, before: Timestamp, now: Timestamp) -> Outcome<u32> {
        let mut erased = 0;
        for found in self.storage.texts_to_erase(before, STEP).await? {
            let user = found.user;
            let keys = LoadSet {
                habits: found.habits.clone(),
                entries: found.entries,
                ..LoadSet::default()
            };
            // Decided under the lock: a record may have been revived since it was found.
            let decide =
                Arc::new(move |loaded| Ok(erase_texts(loaded, &found.habits, before, now)));
            match self.storage.write(user, keys, decide).await {
                Ok(WriteOutcome::Committed(changeset)) => {
                    erased += changeset.habits.len() + changeset.entries.len();
                }
                Ok(_) => {}
                // A record that cannot be read stops neither the other users nor the other purges.
                Err(StorageError::Corrupt(error)) => {
                    tracing::error!(%user, error, "texts of tombstones not erased");
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(erased.try_into().unwrap_or(u32::MAX))
    }
}

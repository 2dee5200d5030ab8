//! The database: its records, row locks and availability.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use kanso_domain::sync::Epoch;
use kanso_testkit::MemoryStorage;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::rows::Rows;
use crate::chance::Chance;
use crate::history::Recorder;
use crate::mutants::Bug;

/// Faults of the database while it is not healed.
#[derive(Clone, Copy, Debug, Default)]
pub struct FaultProfile {
    /// Connections of each server.
    pub connections: u32,
    /// Longest way of a statement or its answer, in milliseconds.
    pub longest_step: u64,
    /// Transactions that fail before their commit, in percent: serialization failures, deadlocks,
    /// broken connections.
    pub failures: u32,
    /// Commits during which the connection breaks, in percent. Half of them are carried out.
    pub uncertain: u32,
    /// Number of outages.
    pub outages: u32,
}

/// One run of the database, from its start to its end. Connections and locks belong to one run.
#[derive(Debug, Default)]
pub(super) struct DatabaseRun {
    pub(super) rows: Rows,
    /// Cancelled when every connection breaks.
    pub(super) ended: CancellationToken,
}

/// A simulated PostgreSQL that several servers share.
pub struct SimPostgres {
    pub(super) memory: Arc<MemoryStorage>,
    pub(super) faults: FaultProfile,
    pub(super) bug: Option<Bug>,
    is_healed: AtomicBool,
    chance: Chance,
    /// `None` during an outage.
    run: Mutex<Option<Arc<DatabaseRun>>>,
    copies: Mutex<Vec<MemoryStorage>>,
    /// State before the last commit, for a planted bug.
    before: Mutex<Option<MemoryStorage>>,
}

impl SimPostgres {
    /// Creates an empty database.
    pub fn new(faults: FaultProfile, bug: Option<Bug>, chance: Chance) -> Self {
        let epoch = Epoch::new(chance.between(1, u64::MAX));
        Self {
            memory: Arc::new(MemoryStorage::new(epoch)),
            faults,
            bug,
            is_healed: AtomicBool::new(false),
            chance,
            run: Mutex::new(Some(Arc::default())),
            copies: Mutex::default(),
            before: Mutex::default(),
        }
    }

    /// Returns the records without faults.
    pub fn memory(&self) -> Arc<MemoryStorage> {
        Arc::clone(&self.memory)
    }

    /// Ends all faults.
    pub fn heal(&self) {
        self.is_healed.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_healed(&self) -> bool {
        self.is_healed.load(Ordering::SeqCst)
    }

    pub(super) fn current_run(&self) -> Option<Arc<DatabaseRun>> {
        lock(&self.run).clone()
    }

    /// Takes a backup; returns its number.
    pub fn back_up(&self) -> anyhow::Result<u32> {
        let mut copies = lock(&self.copies);
        copies.push(self.memory.copied());
        Ok(u32::try_from(copies.len())?)
    }

    /// Restores a backup. All connections break, and the history gets a new epoch.
    pub fn restore(&self, copy: u32) -> anyhow::Result<()> {
        let copies = lock(&self.copies);
        let place = usize::try_from(copy)?.checked_sub(1);
        let copy = place.and_then(|place| copies.get(place));
        let epoch = Epoch::new(self.chance.between(1, u64::MAX));
        self.memory
            .restore(copy.context("there is no such copy")?, epoch);
        *lock(&self.before) = None;
        if let Some(ended) = lock(&self.run).replace(Arc::default()) {
            ended.ended.cancel();
        }
        Ok(())
    }

    /// Runs the outages of the plan. Connections break; commits are not lost.
    pub async fn run_outages(&self, recorder: &Recorder) {
        for _ in 0..self.faults.outages {
            sleep(Duration::from_millis(self.chance.between(1, 90_000))).await;
            if self.is_healed() {
                return;
            }
            recorder.happened("the database goes away");
            if let Some(ended) = lock(&self.run).take() {
                ended.ended.cancel();
            }
            self.fail_over(recorder);
            // A short outage is over within the retries of a server, a long one is not.
            let longest = if self.chance.happens(50) { 100 } else { 6_000 };
            sleep(Duration::from_millis(self.chance.between(1, longest))).await;
            // A restore during the outage has started the database already.
            lock(&self.run).get_or_insert_default();
            recorder.happened("the database is back");
        }
    }

    /// Lets a standby take over sometimes. With synchronous replication it has every commit. Its
    /// timeline is another one, so the witness starts a new epoch: the server cannot know that
    /// nothing was lost.
    fn fail_over(&self, recorder: &Recorder) {
        let before = lock(&self.before).take();
        // The planted bug drops the last commit. A commit that created or deleted an account is
        // kept: a user without an account could not log in any more, and the run would show nothing
        // else.
        let user_ids = self.memory.user_ids().ok();
        if let Some(before) = before.filter(|before| before.user_ids().ok() == user_ids) {
            self.memory.restore(&before, self.memory.epoch());
        } else if self.chance.happens(40) {
            recorder.happened("a standby takes over");
            let epoch = Epoch::new(self.chance.between(1, u64::MAX));
            self.memory.restore(&self.memory.copied(), epoch);
        }
    }

    /// Remembers the state before a commit, for the planted bug of a standby that lags behind.
    pub(super) fn note_before(&self) {
        if self.bug == Some(Bug::FailoverLosesCommit) {
            *lock(&self.before) = Some(self.memory.copied());
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

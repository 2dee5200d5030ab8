//! The database itself: what it holds, who has which row, and whether it is there at all.

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

/// How a database behaves while not all is well.
#[derive(Clone, Copy, Debug, Default)]
pub struct FaultProfile {
    /// Connections that each server may have.
    pub connections: u32,
    /// The longest way of a statement and its answer, in milliseconds.
    pub longest_step: u64,
    /// Transactions that fail before they commit, in percent: serialization failures, deadlocks,
    /// connections that break.
    pub failures: u32,
    /// Commits during which the connection breaks, in percent. Half of them are carried out.
    pub uncertain: u32,
    /// How often the database goes away and comes back.
    pub outages: u32,
}

/// From one start of the database to its end: connections and locks are of one.
#[derive(Debug, Default)]
pub(super) struct DatabaseRun {
    pub(super) rows: Rows,
    /// Cancelled when every connection breaks.
    pub(super) ended: CancellationToken,
}

/// A database that several servers share.
pub struct SimPostgres {
    pub(super) memory: Arc<MemoryStorage>,
    pub(super) faults: FaultProfile,
    pub(super) bug: Option<Bug>,
    is_healed: AtomicBool,
    chance: Chance,
    /// None while it is away.
    run: Mutex<Option<Arc<DatabaseRun>>>,
    copies: Mutex<Vec<MemoryStorage>>,
    /// How everything was before the last commit, for a bug.
    before: Mutex<Option<MemoryStorage>>,
}

impl SimPostgres {
    /// An empty database.
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

    /// What it holds, past everything that may fail.
    pub fn memory(&self) -> Arc<MemoryStorage> {
        Arc::clone(&self.memory)
    }

    /// From now on nothing fails.
    pub fn heal(&self) {
        self.is_healed.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_healed(&self) -> bool {
        self.is_healed.load(Ordering::SeqCst)
    }

    pub(super) fn current_run(&self) -> Option<Arc<DatabaseRun>> {
        lock(&self.run).clone()
    }

    /// Makes a copy; answers with its number.
    pub fn back_up(&self) -> anyhow::Result<u32> {
        let mut copies = lock(&self.copies);
        copies.push(self.memory.copied());
        Ok(u32::try_from(copies.len())?)
    }

    /// Puts a copy in the place of everything. All connections break, and the history is another.
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

    /// Goes away and comes back, as often as it should. Connections break, and nothing that was
    /// committed is lost.
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
            // Many are over before a server gives up; some last.
            let longest = if self.chance.happens(50) { 100 } else { 6_000 };
            sleep(Duration::from_millis(self.chance.between(1, longest))).await;
            // A copy that was put back meanwhile has brought it up already.
            lock(&self.run).get_or_insert_default();
            recorder.happened("the database is back");
        }
    }

    /// A standby may take over: it has everything, and its timeline is another, which makes the history
    /// another.
    fn fail_over(&self, recorder: &Recorder) {
        let before = lock(&self.before).take();
        // Who has no account any more logs in for ever, and nothing else is learnt.
        let user_ids = self.memory.user_ids().ok();
        if let Some(before) = before.filter(|before| before.user_ids().ok() == user_ids) {
            self.memory.restore(&before, self.memory.epoch());
        } else if self.chance.happens(40) {
            recorder.happened("a standby takes over");
            let epoch = Epoch::new(self.chance.between(1, u64::MAX));
            self.memory.restore(&self.memory.copied(), epoch);
        }
    }

    /// What a standby that lags behind will have, should it take over.
    pub(super) fn note_before(&self) {
        if self.bug == Some(Bug::FailoverLosesCommit) {
            *lock(&self.before) = Some(self.memory.copied());
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

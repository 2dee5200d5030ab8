//! One transaction on one connection.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use kanso_application::ports::storage::StorageError;
use kanso_testkit::MemoryStorage;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{sleep, timeout};

use super::attempts::AttemptError;
use super::database::DatabaseRun;
use super::pool::PoolState;
use super::rows::{Row, RowLock};
use crate::mutants::Bug;

/// Longest wait for a connection and for a lock, as in `kanso-postgres`.
const PATIENCE: Duration = Duration::from_secs(10);

/// Longest time until a server carries out a commit whose connection broke, in milliseconds.
const LATEST_MILLIS: u64 = 3_000;

/// A change of the records at the moment of a commit. Never waits.
pub(super) type CommitFuture<T> = Pin<Box<dyn Future<Output = Result<T, StorageError>> + Send>>;

/// Most statements that a failing transaction completes.
const MOST_STEPS: u64 = 4;

/// A transaction. Dropping it before its commit rolls it back.
pub(super) struct Transaction {
    pool: Arc<PoolState>,
    run: Arc<DatabaseRun>,
    connection: Option<OwnedSemaphorePermit>,
    locks: Vec<RowLock>,
    /// Number of statements until it fails; at the commit at the latest.
    fails_after: Option<u64>,
    has_ended: bool,
    /// True if it grants leases.
    pub(super) is_claim: bool,
    /// Number of the attempt, from 1.
    pub(super) attempt: u32,
    /// True if the outcome of the previous attempt is unknown; only a planted bug continues after
    /// that.
    pub(super) is_after_uncertain: bool,
}

impl Transaction {
    /// Begins a transaction on a connection of the pool.
    pub(super) async fn begin(
        pool: &Arc<PoolState>,
        attempt: u32,
        is_after_uncertain: bool,
    ) -> Result<Self, AttemptError> {
        // A connection is held for the whole transaction, so a slow transaction makes others wait
        // for one.
        let connection = timeout(PATIENCE, Arc::clone(&pool.permits).acquire_owned()).await;
        let Ok(Ok(connection)) = connection else {
            return Err(AttemptError::Permanent("no connection"));
        };
        let run = pool.database.current_run();
        let run = run.ok_or(AttemptError::Transient("the database does not answer"))?;
        let mut transaction = Self {
            pool: Arc::clone(pool),
            run,
            connection: Some(connection),
            locks: Vec::new(),
            fails_after: None,
            has_ended: false,
            is_claim: false,
            attempt,
            is_after_uncertain,
        };
        // Whether the transaction fails is drawn once at its beginning, so that the rate does not
        // depend on its number of statements.
        if transaction.strikes(pool.database.faults.failures) {
            transaction.fails_after = Some(pool.chance.between(0, MOST_STEPS));
        }
        Ok(transaction)
    }

    fn strikes(&self, percent: u32) -> bool {
        !self.pool.database.is_healed() && self.pool.chance.happens(percent)
    }

    pub(super) fn has_bug(&self, bug: Bug) -> bool {
        self.pool.database.bug == Some(bug)
    }

    /// Returns true if the transaction is going to fail.
    pub(super) const fn will_fail(&self) -> bool {
        self.fails_after.is_some()
    }

    /// Returns the records.
    pub(super) fn memory(&self) -> Arc<MemoryStorage> {
        self.pool.database.memory()
    }

    /// Sends a statement and waits for its answer.
    pub(super) async fn statement(&mut self) -> Result<(), AttemptError> {
        if let Some(left) = &mut self.fails_after {
            if *left == 0 {
                return Err(AttemptError::Transient("could not serialize access"));
            }
            *left -= 1;
        }
        self.round_trip().await
    }

    // Three cases: a delay on the network, another task first, or no interruption. Without the last
    // two, statements of different transactions would interleave in one pattern only.
    pub(super) async fn round_trip(&self) -> Result<(), AttemptError> {
        let longest = self.pool.database.faults.longest_step;
        let way = async {
            match self.pool.chance.between(0, 7) {
                0..=2 => {
                    let millis = self.pool.chance.between(0, longest);
                    sleep(Duration::from_millis(millis)).await;
                }
                3..=5 => tokio::task::yield_now().await,
                _ => {}
            }
        };
        tokio::select! {
            biased;
            // An outage breaks every wait, also one for a lock: locks belong to a run of the
            // database.
            () = self.run.ended.cancelled() => Err(AttemptError::Transient("the connection broke")),
            () = way => Ok(()),
        }
    }

    /// Locks a row until the transaction ends.
    pub(super) async fn lock(&mut self, row: Row) -> Result<(), AttemptError> {
        self.statement().await?;
        let run = Arc::clone(&self.run);
        self.wait(run.rows.exclusive(row)).await
    }

    /// Locks a row together with others that only need it to exist.
    pub(super) async fn share(&mut self, row: Row) -> Result<(), AttemptError> {
        self.statement().await?;
        let run = Arc::clone(&self.run);
        self.wait(run.rows.shared(row)).await
    }

    async fn wait(&mut self, row: impl Future<Output = RowLock>) -> Result<(), AttemptError> {
        let held = tokio::select! {
            biased;
            () = self.run.ended.cancelled() => Err(AttemptError::Transient("the connection broke")),
            held = timeout(PATIENCE, row) => {
                held.map_err(|_| AttemptError::Permanent("lock timeout"))
            }
        }?;
        self.locks.push(held);
        Ok(())
    }

    /// Locks a row if it is free; returns true if so.
    pub(super) fn try_lock(&mut self, row: Row) -> bool {
        let held = self.run.rows.try_exclusive(row);
        let is_free = held.is_some();
        self.locks.extend(held);
        is_free
    }

    /// Commits: makes `change` at one moment or not at all, then releases locks and connection.
    ///
    /// A commit that breaks off has three outcomes, as in a real system: not carried out, carried
    /// out although the answer was lost, or carried out later by a server that has not noticed the
    /// broken connection.
    pub(super) async fn commit<T: Send + 'static>(
        mut self,
        change: impl FnOnce(Arc<MemoryStorage>) -> CommitFuture<T> + Send + 'static,
    ) -> Result<T, AttemptError> {
        self.statement().await?;
        if self.will_fail() {
            return Err(AttemptError::Transient("could not serialize access"));
        }
        let breaks = self.strikes(self.pool.database.faults.uncertain);
        if self.has_bug(Bug::LockBeforeCommit) {
            self.locks.clear();
        }
        // Half of the broken commits never reach the database, and half of those arrive late.
        if breaks && self.pool.chance.happens(50) {
            if self.pool.chance.happens(50) {
                self.commit_late(change);
            }
            return Err(AttemptError::Uncertain);
        }
        // A break from here on is uncertain: the COMMIT message was sent.
        self.round_trip()
            .await
            .map_err(|_| AttemptError::Uncertain)?;
        self.pool.database.note_before();
        let changed = change(self.memory()).await?;
        // PostgreSQL releases the locks when it has committed, before the client gets the answer.
        self.locks.clear();
        self.round_trip()
            .await
            .map_err(|_| AttemptError::Uncertain)?;
        if breaks {
            return Err(AttemptError::Uncertain);
        }
        self.finish();
        Ok(changed)
    }

    /// Carries out a commit after its connection broke: the server has not noticed it and holds the
    /// locks until the commit is done. The device's retry therefore waits for the lock and then
    /// finds the receipt.
    fn commit_late<T: Send + 'static>(
        &mut self,
        change: impl FnOnce(Arc<MemoryStorage>) -> CommitFuture<T> + Send + 'static,
    ) {
        let delay = Duration::from_millis(self.pool.chance.between(0, LATEST_MILLIS));
        let (run, pool) = (Arc::clone(&self.run), Arc::clone(&self.pool));
        let locks = std::mem::take(&mut self.locks);
        tokio::spawn(async move {
            tokio::select! {
                biased;
                () = run.ended.cancelled() => {}
                () = sleep(delay) => {
                    pool.database.note_before();
                    // The connection is gone, so the result has no reader.
                    drop(change(pool.database.memory()).await);
                }
            }
            drop(locks);
        });
    }

    /// Ends the transaction without a change.
    pub(super) fn finish(mut self) {
        self.has_ended = true;
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        // Dropping releases permit and locks; the planted bugs keep one of them.
        let is_leaked = self.has_bug(Bug::ConnectionKept) && !self.has_ended;
        if let Some(connection) = self.connection.take().filter(|_| is_leaked) {
            connection.forget();
        }
        if self.has_bug(Bug::ClaimKept) && self.is_claim && !self.has_ended {
            self.run.rows.leak(std::mem::take(&mut self.locks));
        }
    }
}

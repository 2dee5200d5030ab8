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

/// How long to wait for a connection, and for a lock: as in `kanso-postgres`.
const PATIENCE: Duration = Duration::from_secs(10);

/// How much later than its connection broke a commit may be carried out.
const LATEST_MILLIS: u64 = 3_000;

/// A change of what is stored, which does not wait.
pub(super) type CommitFuture<T> = Pin<Box<dyn Future<Output = Result<T, StorageError>> + Send>>;

/// Of how many statements a transaction that fails gets through at most.
const MOST_STEPS: u64 = 4;

/// A transaction; dropped before its commit it is rolled back.
pub(super) struct Transaction {
    pool: Arc<PoolState>,
    run: Arc<DatabaseRun>,
    connection: Option<OwnedSemaphorePermit>,
    locks: Vec<RowLock>,
    /// After so many more statements it fails; at the commit, if it comes to that first.
    fails_after: Option<u64>,
    has_ended: bool,
    /// Whether it gives out leases.
    pub(super) is_claim: bool,
    /// Which attempt it is, from 1.
    pub(super) attempt: u32,
    /// Whether nobody knows what became of the attempt before.
    pub(super) is_after_uncertain: bool,
}

impl Transaction {
    /// Begins one, on a connection of the pool.
    pub(super) async fn begin(
        pool: &Arc<PoolState>,
        attempt: u32,
        is_after_uncertain: bool,
    ) -> Result<Self, AttemptError> {
        let connection = timeout(PATIENCE, Arc::clone(&pool.permits).acquire_owned()).await;
        let Ok(Ok(connection)) = connection else {
            return Err(AttemptError::Permanent("no connection"));
        };
        let run = pool.database.current_run();
        let run = run.ok_or(AttemptError::Transient("nobody answers at the database"))?;
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

    /// Whether it is going to fail.
    pub(super) const fn will_fail(&self) -> bool {
        self.fails_after.is_some()
    }

    /// What is stored now.
    pub(super) fn memory(&self) -> Arc<MemoryStorage> {
        self.pool.database.memory()
    }

    /// The way of a statement to the database or of its answer back.
    pub(super) async fn statement(&mut self) -> Result<(), AttemptError> {
        if let Some(left) = &mut self.fails_after {
            if *left == 0 {
                return Err(AttemptError::Transient("could not serialize access"));
            }
            *left -= 1;
        }
        self.round_trip().await
    }

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
            () = self.run.ended.cancelled() => Err(AttemptError::Transient("the connection broke")),
            () = way => Ok(()),
        }
    }

    /// Waits for a row and keeps it until the transaction ends.
    pub(super) async fn lock(&mut self, row: Row) -> Result<(), AttemptError> {
        self.statement().await?;
        let run = Arc::clone(&self.run);
        self.wait(run.rows.exclusive(row)).await
    }

    /// The same, together with others who only want it to stay.
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
                held.map_err(|_| AttemptError::Permanent("a lock was not had in time"))
            }
        }?;
        self.locks.push(held);
        Ok(())
    }

    /// Takes a row if nobody else has it; whether it did.
    pub(super) fn try_lock(&mut self, row: Row) -> bool {
        let held = self.run.rows.try_exclusive(row);
        let is_free = held.is_some();
        self.locks.extend(held);
        is_free
    }

    /// Commits: `change` is made in one moment, or not at all. Then locks and connection are free.
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
        if breaks && self.pool.chance.happens(50) {
            if self.pool.chance.happens(50) {
                self.commit_late(change);
            }
            return Err(AttemptError::Uncertain);
        }
        self.round_trip()
            .await
            .map_err(|_| AttemptError::Uncertain)?;
        self.pool.database.note_before();
        let changed = change(self.memory()).await?;
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

    /// The connection is broken and its server does not know yet: it holds the locks until it has
    /// carried out the commit that was on its way.
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
                    // Nobody is there to be told.
                    drop(change(pool.database.memory()).await);
                }
            }
            drop(locks);
        });
    }

    /// Ends it without a change.
    pub(super) fn finish(mut self) {
        self.has_ended = true;
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        let is_leaked = self.has_bug(Bug::ConnectionKept) && !self.has_ended;
        if let Some(connection) = self.connection.take().filter(|_| is_leaked) {
            connection.forget();
        }
        if self.has_bug(Bug::ClaimKept) && self.is_claim && !self.has_ended {
            self.run.rows.leak(std::mem::take(&mut self.locks));
        }
    }
}

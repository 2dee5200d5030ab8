//! Attempts of a transaction, by the retry rules of `kanso-postgres`.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use kanso_application::ports::storage::StorageError;
use tokio::time::{Instant, sleep};

use super::pool::{ConnectionPool, PoolState};
use super::transaction::Transaction;
use crate::mutants::Bug;

/// The values of `kanso-postgres`.
const MOST_ATTEMPTS: u32 = 5;
const PATIENCE: Duration = Duration::from_secs(3);
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// Errors of an attempt.
#[derive(Debug)]
pub(super) enum AttemptError {
    /// Rolled back, and a retry may succeed: a serialization failure (40001), a deadlock (40P01) or
    /// a connection that broke before the commit.
    Transient(&'static str),
    /// Rolled back, and a retry is useless.
    Permanent(&'static str),
    /// The connection broke during the commit, so the outcome is unknown. Never retried: a second
    /// attempt could carry out the write twice. The device's own retry finds the receipt.
    Uncertain,
    /// An error of the storage itself.
    Storage(StorageError),
}

impl From<StorageError> for AttemptError {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

impl From<AttemptError> for StorageError {
    fn from(failure: AttemptError) -> Self {
        match failure {
            AttemptError::Transient(what) | AttemptError::Permanent(what) => {
                Self::Unavailable(what.into())
            }
            AttemptError::Uncertain => {
                Self::Unavailable("the connection broke during a commit".into())
            }
            AttemptError::Storage(error) => error,
        }
    }
}

/// A boxed attempt of a transaction.
pub(super) type AttemptFuture<T> = Pin<Box<dyn Future<Output = Result<T, AttemptError>> + Send>>;

impl ConnectionPool {
    /// Runs `work` in transactions, in a task of its own: a cancelled request does not cancel its
    /// transaction, as in `kanso-postgres`. The death of the process does.
    pub(super) async fn transact<T: Send + 'static>(
        &self,
        work: impl Fn(Transaction) -> AttemptFuture<T> + Send + Sync + 'static,
    ) -> Result<T, StorageError> {
        let pool = Arc::clone(&self.0);
        // A task of its own: dropping the caller's future must not roll back a transaction, because
        // the server would have carried it out.
        let task = tokio::spawn(async move {
            tokio::select! {
                biased;
                () = pool.died.cancelled() => Err(AttemptError::Permanent("the process died")),
                outcome = retry(&pool, work) => outcome,
            }
        });
        let done = task.await;
        let done = done.map_err(|error| StorageError::Corrupt(error.into()))?;
        Ok(done?)
    }

    /// Runs a read. The call is made at the moment at which its snapshot is taken; PostgreSQL takes
    /// it with the first statement of a REPEATABLE READ transaction.
    pub(super) async fn read<T>(
        &self,
        call: impl Future<Output = Result<T, StorageError>> + Send,
    ) -> Result<T, StorageError> {
        let begun = Instant::now();
        let mut attempt = 1;
        let transaction = loop {
            match begin(&self.0, attempt).await {
                Ok(transaction) => break transaction,
                Err(failure) => self.0.pause(failure, begun, &mut attempt).await?,
            }
        };
        // The snapshot is one moment, so the call needs no lock and sees no partial commit.
        let answer = call.await?;
        transaction.round_trip().await?;
        transaction.finish();
        Ok(answer)
    }
}

/// Begins a transaction up to its snapshot.
async fn begin(pool: &Arc<PoolState>, attempt: u32) -> Result<Transaction, AttemptError> {
    let transaction = Transaction::begin(pool, attempt, false).await?;
    transaction.round_trip().await?;
    if transaction.will_fail() {
        return Err(AttemptError::Transient("the connection broke"));
    }
    Ok(transaction)
}

async fn retry<T>(
    pool: &Arc<PoolState>,
    work: impl Fn(Transaction) -> AttemptFuture<T> + Send + Sync,
) -> Result<T, AttemptError> {
    let begun = Instant::now();
    let (mut attempt, mut is_after_uncertain) = (1, false);
    loop {
        let outcome = match Transaction::begin(pool, attempt, is_after_uncertain).await {
            Ok(transaction) => work(transaction).await,
            Err(failure) => Err(failure),
        };
        let mut failure = match outcome {
            Ok(value) => return Ok(value),
            Err(failure) => failure,
        };
        if matches!(failure, AttemptError::Uncertain)
            // The planted bug: a client library that retries every connection error.
            && pool.database.bug == Some(Bug::UncertainCommitRepeated)
        {
            is_after_uncertain = true;
            failure = AttemptError::Transient("the outcome of the commit is unknown");
        }
        pool.pause(failure, begun, &mut attempt).await?;
    }
}

impl PoolState {
    /// Waits before the next attempt. Returns the error if there is none.
    async fn pause(
        &self,
        failure: AttemptError,
        begun: Instant,
        attempt: &mut u32,
    ) -> Result<(), AttemptError> {
        // Whichever limit comes first: five attempts or three seconds. A request must not wait
        // longer than its client does.
        let is_last = *attempt == MOST_ATTEMPTS || begun.elapsed() > PATIENCE;
        if is_last || !matches!(failure, AttemptError::Transient(_)) {
            return Err(failure);
        }
        // Exponential back-off with jitter: two transactions that deadlocked would otherwise meet
        // again.
        let whole = FIRST_PAUSE * 2_u32.saturating_pow(*attempt - 1);
        let share = u32::try_from(self.chance.between(0, 1_000)).unwrap_or_default();
        sleep(whole / 2 + whole * share / 2_000).await;
        *attempt += 1;
        Ok(())
    }
}

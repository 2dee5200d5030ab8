//! How work gets its transaction and, when what failed may pass, another attempt: the rules of
//! `kanso-postgres`.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use kanso_application::ports::storage::StorageError;
use tokio::time::{Instant, sleep};

use super::pool::{ConnectionPool, PoolState};
use super::transaction::Transaction;
use crate::mutants::Bug;

/// As in `kanso-postgres`.
const MOST_ATTEMPTS: u32 = 5;
const PATIENCE: Duration = Duration::from_secs(3);
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// Why an attempt came to nothing.
#[derive(Debug)]
pub(super) enum AttemptError {
    /// Nothing was committed, and the same may succeed a moment later.
    Transient(&'static str),
    /// Nothing was committed, and trying again would not help.
    Permanent(&'static str),
    /// The connection broke while the commit was under way.
    Uncertain,
    /// What the storage itself says.
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

pub(super) type AttemptFuture<T> = Pin<Box<dyn Future<Output = Result<T, AttemptError>> + Send>>;

impl ConnectionPool {
    /// Runs work in transactions of its own, in a task: a caller who goes away changes nothing. The
    /// death of the process does.
    pub(super) async fn transact<T: Send + 'static>(
        &self,
        work: impl Fn(Transaction) -> AttemptFuture<T> + Send + Sync + 'static,
    ) -> Result<T, StorageError> {
        let pool = Arc::clone(&self.0);
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

    /// A read: the call is made in the moment in which its snapshot is taken.
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
        let answer = call.await?;
        transaction.round_trip().await?;
        transaction.finish();
        Ok(answer)
    }
}

/// A transaction that has come as far as its snapshot.
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
            && pool.database.bug == Some(Bug::UncertainCommitRepeated)
        {
            is_after_uncertain = true;
            failure = AttemptError::Transient("it is not known what became of the commit");
        }
        pool.pause(failure, begun, &mut attempt).await?;
    }
}

impl PoolState {
    /// Waits for the next attempt, if there is one.
    async fn pause(
        &self,
        failure: AttemptError,
        begun: Instant,
        attempt: &mut u32,
    ) -> Result<(), AttemptError> {
        let is_last = *attempt == MOST_ATTEMPTS || begun.elapsed() > PATIENCE;
        if is_last || !matches!(failure, AttemptError::Transient(_)) {
            return Err(failure);
        }
        let whole = FIRST_PAUSE * 2_u32.saturating_pow(*attempt - 1);
        let share = u32::try_from(self.chance.between(0, 1_000)).unwrap_or_default();
        sleep(whole / 2 + whole * share / 2_000).await;
        *attempt += 1;
        Ok(())
    }
}

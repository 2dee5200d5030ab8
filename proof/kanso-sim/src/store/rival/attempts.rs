//! How work gets its transaction and, when what failed may pass, another attempt: the rules of
//! `kanso-postgres`.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use kanso_application::ports::storage::StorageError;
use tokio::time::{Instant, sleep};

use super::node::{Inside, Node};
use super::transaction::Transaction;
use crate::planted::Bug;

/// As in `kanso-postgres`.
const MOST_ATTEMPTS: u32 = 5;
const PATIENCE: Duration = Duration::from_secs(3);
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// Why an attempt came to nothing.
#[derive(Debug)]
pub(super) enum Failure {
    /// Nothing was committed, and the same may succeed a moment later.
    Passing(&'static str),
    /// Nothing was committed, and trying again would not help.
    Lasting(&'static str),
    /// The connection broke while the commit was under way.
    Unsure,
    /// What the storage itself says.
    Storage(StorageError),
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

impl From<Failure> for StorageError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Passing(what) | Failure::Lasting(what) => Self::Unavailable(what.into()),
            Failure::Unsure => Self::Unavailable("the connection broke during a commit".into()),
            Failure::Storage(error) => error,
        }
    }
}

pub(super) type Working<T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send>>;

impl Node {
    /// Runs work in transactions of its own, in a task: a caller who goes away changes nothing. The
    /// death of the process does.
    pub(super) async fn transact<T: Send + 'static>(
        &self,
        work: impl Fn(Transaction) -> Working<T> + Send + Sync + 'static,
    ) -> Result<T, StorageError> {
        let inside = Arc::clone(&self.0);
        let task = tokio::spawn(async move {
            tokio::select! {
                biased;
                () = inside.died.cancelled() => Err(Failure::Lasting("the process died")),
                outcome = repeat(&inside, work) => outcome,
            }
        });
        let done = task.await;
        let done = done.map_err(|error| StorageError::Corrupt(error.into()))?;
        Ok(done?)
    }

    /// A read: the call is made in the moment in which its snapshot is taken.
    pub(super) async fn look<T>(
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
        transaction.way().await?;
        transaction.ended();
        Ok(answer)
    }
}

/// A transaction that has come as far as its snapshot.
async fn begin(inside: &Arc<Inside>, attempt: u32) -> Result<Transaction, Failure> {
    let transaction = Transaction::begin(inside, attempt, false).await?;
    transaction.way().await?;
    if transaction.fails() {
        return Err(Failure::Passing("the connection broke"));
    }
    Ok(transaction)
}

async fn repeat<T>(
    inside: &Arc<Inside>,
    work: impl Fn(Transaction) -> Working<T> + Send + Sync,
) -> Result<T, Failure> {
    let begun = Instant::now();
    let (mut attempt, mut was_unsure) = (1, false);
    loop {
        let outcome = match Transaction::begin(inside, attempt, was_unsure).await {
            Ok(transaction) => work(transaction).await,
            Err(failure) => Err(failure),
        };
        let mut failure = match outcome {
            Ok(value) => return Ok(value),
            Err(failure) => failure,
        };
        if matches!(failure, Failure::Unsure)
            && inside.database.bug == Some(Bug::UncertainCommitRepeated)
        {
            was_unsure = true;
            failure = Failure::Passing("it is not known what became of the commit");
        }
        inside.pause(failure, begun, &mut attempt).await?;
    }
}

impl Inside {
    /// Waits for the next attempt, if there is one.
    async fn pause(
        &self,
        failure: Failure,
        begun: Instant,
        attempt: &mut u32,
    ) -> Result<(), Failure> {
        let is_last = *attempt == MOST_ATTEMPTS || begun.elapsed() > PATIENCE;
        if is_last || !matches!(failure, Failure::Passing(_)) {
            return Err(failure);
        }
        let whole = FIRST_PAUSE * 2_u32.saturating_pow(*attempt - 1);
        let share = u32::try_from(self.chance.between(0, 1_000)).unwrap_or_default();
        sleep(whole / 2 + whole * share / 2_000).await;
        *attempt += 1;
        Ok(())
    }
}

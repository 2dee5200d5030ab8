//! Runs work on a connection: takes one from the pool, opens the transaction, retries transient
//! errors.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use futures::future::BoxFuture;
use kanso_application::ports::storage::StorageError;
use tokio::time::{Instant, sleep};

use crate::PostgresStorage;
use crate::connection::Connection;
use crate::error::DatabaseError;
use crate::measure::{self, GaugeGuard};
use crate::pool::Connections;

/// A function that works on a connection with some data. It may run again from the beginning, so it
/// has no effects outside the database.
pub(crate) type DatabaseWork<D, T> =
    for<'c> fn(&'c Connection, &'c D) -> BoxFuture<'c, Result<T, DatabaseError>>;

// The caller is an HTTP request that waits, and its client retries safely. The pauses between five
// attempts add up to about 150 ms; attempts that are slow themselves end after three seconds.
const MAX_ATTEMPTS: u32 = 5;
const MAX_RETRY_TIME: Duration = Duration::from_secs(3);
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// Transaction in which work runs.
#[derive(Clone, Copy)]
enum TransactionMode {
    /// None: the work is one statement.
    SingleStatement,
    /// A read-only transaction with one snapshot.
    Snapshot,
    /// A transaction around the work.
    Transaction,
    /// A transaction that the work begins and ends itself.
    SelfManaged,
}

const BEGIN_SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
pub(crate) const BEGIN: &str = "BEGIN";
pub(crate) const COMMIT: &str = "COMMIT";

impl PostgresStorage {
    /// Runs a single statement that reads.
    pub(crate) async fn look_up<D, T>(
        &self,
        data: D,
        work: DatabaseWork<D, T>,
    ) -> Result<T, StorageError> {
        if self.tasks.is_closed() {
            return Err(DatabaseError::Closed.into());
        }
        Ok(repeat(
            &self.connections,
            TransactionMode::SingleStatement,
            &data,
            work,
        )
        .await?)
    }

    /// Runs work in one snapshot: all its statements see the same state of the database.
    pub(crate) async fn read<D, T>(
        &self,
        data: D,
        work: DatabaseWork<D, T>,
    ) -> Result<T, StorageError>
    where
        D: Send + Sync + 'static,
        T: Send + 'static,
    {
        Ok(self.spawn(TransactionMode::Snapshot, data, work).await?)
    }

    /// Runs work in one transaction.
    pub(crate) async fn change<D, T>(
        &self,
        data: D,
        work: DatabaseWork<D, T>,
    ) -> Result<T, StorageError>
    where
        D: Send + Sync + 'static,
        T: Send + 'static,
    {
        Ok(self.spawn(TransactionMode::Transaction, data, work).await?)
    }

    /// Runs work that sends BEGIN and COMMIT in its own pipelines.
    pub(crate) async fn transact<D, T>(
        &self,
        data: D,
        work: DatabaseWork<D, T>,
    ) -> Result<T, StorageError>
    where
        D: Send + Sync + 'static,
        T: Send + 'static,
    {
        Ok(self.spawn(TransactionMode::SelfManaged, data, work).await?)
    }

    /// Spawns the work, so a caller that is cancelled cannot stop it inside a transaction.
    ///
    /// Dropping a future between two statements would leave the connection in an open transaction,
    /// with the user's row locked until `idle_in_transaction_session_timeout`.
    async fn spawn<D, T>(
        &self,
        frame: TransactionMode,
        data: D,
        work: DatabaseWork<D, T>,
    ) -> Result<T, DatabaseError>
    where
        D: Send + Sync + 'static,
        T: Send + 'static,
    {
        if self.tasks.is_closed() {
            return Err(DatabaseError::Closed);
        }
        let connections = self.connections.clone();
        let task = async move { repeat(&connections, frame, &data, work).await };
        let done = self.tasks.spawn(task).await;
        done.unwrap_or(Err(DatabaseError::Panicked))
    }
}

async fn repeat<D, T>(
    connections: &Connections,
    frame: TransactionMode,
    data: &D,
    work: DatabaseWork<D, T>,
) -> Result<T, DatabaseError> {
    let begun = Instant::now();
    let mut attempt = 1;
    loop {
        let outcome = once(connections, frame, data, work).await;
        let is_last = attempt == MAX_ATTEMPTS || begun.elapsed() > MAX_RETRY_TIME;
        match outcome {
            Err(error) if error.is_transient() && !is_last => {
                measure::retried();
                tracing::debug!(
                    error = &error as &dyn std::error::Error,
                    attempt,
                    "database call failed, retrying"
                );
                sleep(pause_after(attempt)).await;
                attempt += 1;
            }
            outcome => return outcome,
        }
    }
}

async fn once<D, T>(
    connections: &Connections,
    frame: TransactionMode,
    data: &D,
    work: DatabaseWork<D, T>,
) -> Result<T, DatabaseError> {
    let waiting = GaugeGuard::waiting();
    let _permit = match frame {
        TransactionMode::SingleStatement | TransactionMode::Snapshot => None,
        TransactionMode::Transaction | TransactionMode::SelfManaged => {
            Some(connections.permit_to_write().await?)
        }
    };
    let client = connections.get().await?;
    drop(waiting);
    let _in_use = GaugeGuard::in_use();
    let connection = match frame {
        TransactionMode::SingleStatement => Connection::idle(client),
        _ => Connection::for_transaction(client),
    };
    let outcome = match frame {
        TransactionMode::SingleStatement => return work(&connection, data).await,
        TransactionMode::SelfManaged => work(&connection, data).await,
        TransactionMode::Transaction => in_transaction(&connection, data, work).await,
        TransactionMode::Snapshot => in_snapshot(&connection, data, work).await,
    };
    match outcome {
        Ok(value) => {
            connection.ended();
            Ok(value)
        }
        Err(error) => {
            // A connection that cannot roll back is not returned to the pool; dropping it closes it.
            if connection.command("ROLLBACK").await.is_ok() {
                connection.ended();
            }
            Err(error)
        }
    }
}

async fn in_transaction<D, T>(
    connection: &Connection,
    data: &D,
    work: DatabaseWork<D, T>,
) -> Result<T, DatabaseError> {
    connection.command(BEGIN).await?;
    let value = work(connection, data).await?;
    connection.ensure_newest()?;
    let committed = connection.command(COMMIT).await;
    committed.map_err(DatabaseError::at_commit)?;
    Ok(value)
}

async fn in_snapshot<D, T>(
    connection: &Connection,
    data: &D,
    work: DatabaseWork<D, T>,
) -> Result<T, DatabaseError> {
    let begun = connection.start_command(BEGIN_SNAPSHOT).await;
    let value = work(connection, data).await;
    begun.await?;
    let value = value?;
    // Not awaited, which saves a round trip: a commit of a read cannot fail in a way that matters,
    // and the server runs it before any request of the connection's next user.
    drop(connection.start_command(COMMIT).await);
    Ok(value)
}

/// Returns the pause before the next attempt. It doubles with each attempt and is scaled by a random
/// factor from 0.5 to 1.5, so that two transactions that deadlocked do not meet again.
fn pause_after(attempt: u32) -> Duration {
    let pause = FIRST_PAUSE * 2_u32.saturating_pow(attempt - 1);
    let random = RandomState::new().hash_one(attempt) % 1_000;
    let share = u32::try_from(random).unwrap_or_default();
    pause / 2 + pause * share / 1_000
}

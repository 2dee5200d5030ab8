//! How work gets its connection, its transaction and, when what failed may pass, another attempt.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use futures::future::BoxFuture;
use kanso_application::ports::storage::StorageError;
use tokio::time::{Instant, sleep};

use crate::PostgresStorage;
use crate::connection::{Connection, sent};
use crate::error::Failure;
use crate::measure::{self, Held};
use crate::pool::Connections;

/// Work on a connection, with what it needs. It may be done again from the beginning.
pub(crate) type Work<D, T> = for<'c> fn(&'c Connection, &'c D) -> BoxFuture<'c, Result<T, Failure>>;

const MOST_ATTEMPTS: u32 = 5;
/// After this there is no further attempt: whoever asked waits.
const PATIENCE: Duration = Duration::from_secs(3);
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// What surrounds the work.
#[derive(Clone, Copy)]
enum Frame {
    /// Nothing: it is one statement.
    Bare,
    /// One snapshot.
    Snapshot,
    /// A transaction.
    Transaction,
    /// A transaction that the work begins and ends by itself.
    Own,
}

const BEGIN_SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
pub(crate) const BEGIN: &str = "BEGIN";
pub(crate) const COMMIT: &str = "COMMIT";

impl PostgresStorage {
    /// Runs a single statement that reads.
    pub(crate) async fn look_up<D, T>(&self, data: D, work: Work<D, T>) -> Result<T, StorageError> {
        if self.tasks.is_closed() {
            return Err(Failure::Closed.into());
        }
        Ok(repeat(&self.connections, Frame::Bare, &data, work).await?)
    }

    /// Runs work that sees one state of the database from beginning to end.
    pub(crate) async fn read<D, T>(&self, data: D, work: Work<D, T>) -> Result<T, StorageError>
    where
        D: Send + Sync + 'static,
        T: Send + 'static,
    {
        Ok(self.spawn(Frame::Snapshot, data, work).await?)
    }

    /// Runs work as one transaction.
    pub(crate) async fn change<D, T>(&self, data: D, work: Work<D, T>) -> Result<T, StorageError>
    where
        D: Send + Sync + 'static,
        T: Send + 'static,
    {
        Ok(self.spawn(Frame::Transaction, data, work).await?)
    }

    /// Runs work that sends its transaction's beginning and end together with other statements.
    pub(crate) async fn transact<D, T>(&self, data: D, work: Work<D, T>) -> Result<T, StorageError>
    where
        D: Send + Sync + 'static,
        T: Send + 'static,
    {
        Ok(self.spawn(Frame::Own, data, work).await?)
    }

    /// In a task of its own, so that a caller who goes away does not leave it in the middle.
    async fn spawn<D, T>(&self, frame: Frame, data: D, work: Work<D, T>) -> Result<T, Failure>
    where
        D: Send + Sync + 'static,
        T: Send + 'static,
    {
        if self.tasks.is_closed() {
            return Err(Failure::Closed);
        }
        let connections = self.connections.clone();
        let task = async move { repeat(&connections, frame, &data, work).await };
        let done = self.tasks.spawn(task).await;
        done.unwrap_or(Err(Failure::Panicked))
    }
}

async fn repeat<D, T>(
    connections: &Connections,
    frame: Frame,
    data: &D,
    work: Work<D, T>,
) -> Result<T, Failure> {
    let begun = Instant::now();
    let mut attempt = 1;
    loop {
        let outcome = once(connections, frame, data, work).await;
        let is_last = attempt == MOST_ATTEMPTS || begun.elapsed() > PATIENCE;
        match outcome {
            Err(failure) if failure.is_passing() && !is_last => {
                measure::retried();
                tracing::debug!(
                    error = &failure as &dyn std::error::Error,
                    attempt,
                    "another attempt"
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
    frame: Frame,
    data: &D,
    work: Work<D, T>,
) -> Result<T, Failure> {
    let waiting = Held::waiting();
    let (client, epoch) = connections.get().await?;
    drop(waiting);
    let _held = Held::in_use();
    let connection = match frame {
        Frame::Bare => Connection::idle(client, epoch),
        _ => Connection::for_transaction(client, epoch),
    };
    let outcome = match frame {
        Frame::Bare => return work(&connection, data).await,
        Frame::Own => work(&connection, data).await,
        Frame::Transaction => in_transaction(&connection, data, work).await,
        Frame::Snapshot => in_snapshot(&connection, data, work).await,
    };
    match outcome {
        Ok(value) => {
            connection.ended();
            Ok(value)
        }
        Err(failure) => {
            if connection.command("ROLLBACK").await.is_ok() {
                connection.ended();
            }
            Err(failure)
        }
    }
}

async fn in_transaction<D, T>(
    connection: &Connection,
    data: &D,
    work: Work<D, T>,
) -> Result<T, Failure> {
    connection.command(BEGIN).await?;
    let value = work(connection, data).await?;
    let committed = connection.command(COMMIT).await;
    committed.map_err(Failure::at_commit)?;
    Ok(value)
}

async fn in_snapshot<D, T>(
    connection: &Connection,
    data: &D,
    work: Work<D, T>,
) -> Result<T, Failure> {
    let begun = sent(connection.command(BEGIN_SNAPSHOT)).await;
    let value = work(connection, data).await;
    begun.await?;
    let value = value?;
    // Whoever has the connection next is served after this.
    drop(sent(connection.command(COMMIT)).await);
    Ok(value)
}

/// Twice as long after each attempt, and not equally long for all who met in the same place.
fn pause_after(attempt: u32) -> Duration {
    let pause = FIRST_PAUSE * 2_u32.saturating_pow(attempt - 1);
    let chance = RandomState::new().hash_one(attempt) % 1_000;
    let share = u32::try_from(chance).unwrap_or_default();
    pause / 2 + pause * share / 1_000
}

//! Group commit: many writes in one transaction.
//!
//! With `synchronous = FULL` every commit waits for a flush, which takes far longer than the write
//! itself. Writes that arrive during one flush share the next (ADR 0004).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::WriteCost;
use crate::error::DatabaseError;
use crate::measure;
use crate::open::{BUSY_TIMEOUT, WriterConnection};

/// Number of records after which a batch takes no further write: enough to hide the flush, few enough
/// that the first write does not wait long for the last.
//
// Measured in ADR 0004: about 900 writes a second with a commit for each, over 20,000 from 64 writers
// with shared commits.
const MAX_BATCH_RECORDS: usize = 512;

/// Number of commits between two attempts to empty the log while a reader is in the way. Each moves the
/// pages of the newest writes.
const COMMITS_BETWEEN_ATTEMPTS: u64 = 256;

/// A queued write. A trait, because writes have different result types.
pub(super) trait QueuedWrite: Send {
    /// Runs the write inside the open transaction, as a whole or not at all.
    ///
    /// # Errors
    /// The transaction is lost, for this write and all others of the batch.
    fn run(&mut self, connection: &Connection) -> rusqlite::Result<()>;

    /// Approximate number of records that it touches.
    fn weight(&self) -> usize;

    /// Returns true if it has erased data of which no byte may remain.
    fn has_erased(&self) -> bool;

    /// Answers the caller. `fate` is the outcome of the transaction.
    fn answer(self: Box<Self>, fate: Result<(), DatabaseError>);
}

/// Runs `first` and the writes that `next` yields in one transaction, then answers all of them.
pub(super) fn commit(
    writer: &mut WriterConnection,
    first: Box<dyn QueuedWrite>,
    mut next: impl FnMut() -> Option<Box<dyn QueuedWrite>>,
) {
    let mut batch = vec![first];
    let fate = match writer.files.refuse_lost() {
        Ok(()) => commit_batch(writer, &mut batch, &mut next),
        Err(lost) => Err(lost),
    };
    // After the commit and before the answers: a commit in a file that no later start opens must not
    // be acknowledged.
    let fate = fate.and_then(|()| writer.files.check());
    let is_lost = matches!(fate, Err(DatabaseError::FileLost(_)));
    // A lost or damaged file was reported when it was found.
    let is_reported = is_lost || matches!(fate, Err(DatabaseError::Damaged(_)));
    if let Err(error) = &fate
        && !is_reported
    {
        tracing::error!(
            error = error as &dyn std::error::Error,
            writes = batch.len(),
            "batch not committed"
        );
    } else if fate.is_ok() && batch.iter().any(|write| write.has_erased()) {
        writer.must_empty_log = true;
        erase_log(writer);
    } else if writer.commits >= writer.next_attempt && !is_lost {
        // While there are many writes, nothing else asks for it.
        erase_log(writer);
    }
    // Before the answers: an operator who sees a refusal may kill the server.
    rescue_if(writer, is_lost);
    // Only now: an answer promises that the commit is on the disk.
    for write in batch {
        write.answer(fate.clone());
    }
}

/// Compares the files of the database with its paths while nothing is written.
pub(super) fn check_files(writer: &mut WriterConnection) {
    let is_lost = matches!(writer.files.check(), Err(DatabaseError::FileLost(_)));
    rescue_if(writer, is_lost);
    if !is_lost {
        erase_log(writer);
    }
}

/// Empties the write-ahead log if it has erased data. The next call tries again if a reader is in the
/// way: the writes of all users wait for this.
fn erase_log(writer: &mut WriterConnection) {
    writer.next_attempt = writer.commits.saturating_add(COMMITS_BETWEEN_ATTEMPTS);
    if !writer.must_empty_log {
        return;
    }
    let connection = &writer.connection;
    let outcome = connection.busy_timeout(Duration::ZERO);
    let outcome = outcome.map_err(DatabaseError::from);
    let outcome = outcome.and_then(|()| empty_log(connection));
    let restored = connection.busy_timeout(BUSY_TIMEOUT);
    match outcome.and(restored.map_err(DatabaseError::from)) {
        Ok(()) => writer.must_empty_log = false,
        Err(error) => tracing::debug!(
            error = &error as &dyn std::error::Error,
            "write-ahead log not emptied: erased data remains in it until the next attempt"
        ),
    }
}

/// If the file was lost, moves the acknowledged writes from the log into it, once.
///
/// If only the log was deleted, this saves them. If the database was moved, the moved file is
/// complete. And an empty log does no harm beside another database, whereas SQLite would take a full
/// one for a part of it.
fn rescue_if(writer: &mut WriterConnection, is_lost: bool) {
    if writer.is_rescued == is_lost {
        return;
    }
    // A reader can be in the way; then the next check tries again.
    writer.is_rescued = is_lost && empty_log(&writer.connection).is_ok();
}

/// Runs `batch` and the writes that `next` yields in one transaction.
fn commit_batch(
    writer: &mut WriterConnection,
    batch: &mut Vec<Box<dyn QueuedWrite>>,
    next: &mut impl FnMut() -> Option<Box<dyn QueuedWrite>>,
) -> Result<(), DatabaseError> {
    let mut fate = attempt(writer, batch, next);
    let connection = &writer.connection;
    if fate.is_err() && !connection.is_autocommit() {
        // If the rollback fails, the next BEGIN fails too and reports it.
        let rolled_back = connection.execute_batch("ROLLBACK");
        fate = fate.and(rolled_back);
    }
    fate.map_err(|error| DatabaseError::NotCommitted(Arc::new(error)))
}

fn attempt(
    writer: &mut WriterConnection,
    batch: &mut Vec<Box<dyn QueuedWrite>>,
    next: &mut impl FnMut() -> Option<Box<dyn QueuedWrite>>,
) -> rusqlite::Result<()> {
    let connection = &writer.connection;
    // IMMEDIATE takes the write lock at once. A deferred transaction would take it at its first write
    // and could fail there with SQLITE_BUSY_SNAPSHOT, which no timeout helps against.
    execute(connection, "BEGIN IMMEDIATE")?;
    let changes = connection.total_changes();
    let mut done = 0;
    let mut weight = 0;
    while let Some(write) = batch.get_mut(done) {
        write.run(connection)?;
        done += 1;
        weight += write.weight();
        if weight < MAX_BATCH_RECORDS {
            batch.extend(next());
        }
    }
    let Some(witness) = &mut writer.witness else {
        // Beside a server, which counts its own commits.
        return execute(connection, "COMMIT");
    };
    // A batch that changed nothing (a retry, a refused operation) needs no flush: an empty commit of
    // SQLite writes nothing. It must not count as a commit either, or the counter would cause one.
    if connection.total_changes() == changes {
        return execute(connection, "COMMIT");
    }
    execute(
        connection,
        "UPDATE server SET commits = commits + 1 WHERE id = 1",
    )?;
    execute(connection, "COMMIT")?;
    writer.commits += 1;
    measure::committed(batch.len());
    // After the commit, never before: the witness may lag behind the database, but if it were ahead, an
    // intact database would look like an older copy.
    if let Err(error) = witness.record(writer.commits) {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "cannot write the witness of the database; a restored copy may go unnoticed"
        );
    }
    Ok(())
}

/// Moves the write-ahead log into the database and truncates it.
///
/// # Errors
/// Fails if a reader uses the log for longer than the busy timeout.
pub(super) fn empty_log(connection: &Connection) -> Result<(), DatabaseError> {
    let is_blocked: bool =
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if is_blocked {
        return Err(DatabaseError::LogInUse);
    }
    Ok(())
}

/// A closure, its result, and the channel to its caller.
pub(super) struct PendingWrite<T, W> {
    cost: WriteCost,
    work: Option<W>,
    outcome: Option<Result<T, DatabaseError>>,
    answer: oneshot::Sender<Result<T, DatabaseError>>,
}

impl<T, W> PendingWrite<T, W> {
    pub(super) const fn new(
        cost: WriteCost,
        work: W,
        answer: oneshot::Sender<Result<T, DatabaseError>>,
    ) -> Self {
        Self {
            cost,
            work: Some(work),
            outcome: None,
            answer,
        }
    }
}

impl<T, W> QueuedWrite for PendingWrite<T, W>
where
    T: Send,
    W: FnOnce(&Connection) -> Result<T, DatabaseError> + Send,
{
    fn run(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let Some(work) = self.work.take() else {
            return Ok(());
        };
        execute(connection, "SAVEPOINT queued_write")?;
        // A panic must not end the thread: the writes of all users depend on it. Unwind safety holds
        // because the savepoint is rolled back below.
        let outcome = catch_unwind(AssertUnwindSafe(|| work(connection)));
        let outcome = outcome.unwrap_or(Err(DatabaseError::Panicked));
        let has_failed = outcome.is_err();
        self.outcome = Some(outcome);
        if has_failed {
            // SQLite rolls back the whole transaction on some errors, such as a full disk, and then
            // there is no savepoint any more.
            if connection.is_autocommit() {
                return Err(transaction_lost());
            }
            execute(connection, "ROLLBACK TO queued_write")?;
        }
        execute(connection, "RELEASE queued_write")
    }

    fn weight(&self) -> usize {
        match self.cost {
            WriteCost::Records(count) => count.max(1),
            WriteCost::Erasure => 1,
        }
    }

    fn has_erased(&self) -> bool {
        self.cost == WriteCost::Erasure && matches!(self.outcome, Some(Ok(_)))
    }

    fn answer(self: Box<Self>, fate: Result<(), DatabaseError>) {
        // There is no outcome if the transaction was lost before this write ran.
        let outcome = match (self.outcome, fate) {
            // Its own error is more specific than that of the batch.
            (Some(Err(error)), _) | (_, Err(error)) => Err(error),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (None, Ok(())) => Err(DatabaseError::Closed),
        };
        // The caller may have been cancelled.
        let _ = self.answer.send(outcome);
    }
}

/// Returns the error of a transaction that SQLite has rolled back, with all writes in it.
fn transaction_lost() -> rusqlite::Error {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_ABORT_ROLLBACK);
    let message = "a failing write rolled back the transaction that it shared";
    rusqlite::Error::SqliteFailure(code, Some(message.to_owned()))
}

fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

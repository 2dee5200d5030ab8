//! One commit for many writes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::Effort;
use crate::error::Failure;
use crate::measure;
use crate::open::Home;

/// How many records a batch may touch before it takes no further write: enough to hide the flush,
/// few enough that the first write does not wait long for the last.
const FULL_BATCH: usize = 512;

/// A write that somebody waits for.
pub(super) trait Unit: Send {
    /// Does the work inside the open transaction, all of it or nothing.
    ///
    /// # Errors
    /// The transaction cannot go on, for this write or any other.
    fn run(&mut self, connection: &Connection) -> rusqlite::Result<()>;

    /// About how many records it touches.
    fn weight(&self) -> usize;

    /// Whether it deleted what must leave no byte behind.
    fn has_erased(&self) -> bool;

    /// Tells the one who waits, after the transaction has ended as `fate` says.
    fn answer(self: Box<Self>, fate: Result<(), Failure>);
}

/// Carries out `first` and what `next` yields in one transaction, and answers them.
pub(super) fn commit(
    home: &mut Home,
    first: Box<dyn Unit>,
    mut next: impl FnMut() -> Option<Box<dyn Unit>>,
) {
    let mut batch = vec![first];
    let attempted = attempt(home, &mut batch, &mut next);
    let connection = &home.connection;
    let mut fate = attempted;
    if fate.is_err() && !connection.is_autocommit() {
        // If even this fails, the next BEGIN fails too and says so.
        let rolled_back = connection.execute_batch("ROLLBACK");
        fate = fate.and(rolled_back);
    }
    let fate = fate.map_err(|error| Failure::NotCommitted(Arc::new(error)));
    if let Err(failure) = &fate {
        tracing::error!(
            error = failure as &dyn std::error::Error,
            writes = batch.len(),
            "writes were not committed"
        );
    } else if batch.iter().any(|unit| unit.has_erased())
        && let Err(failure) = empty_log(connection)
    {
        tracing::warn!(
            error = &failure as &dyn std::error::Error,
            "the log keeps deleted rows until its next checkpoint"
        );
    }
    for unit in batch {
        unit.answer(fate.clone());
    }
}

fn attempt(
    home: &mut Home,
    batch: &mut Vec<Box<dyn Unit>>,
    next: &mut impl FnMut() -> Option<Box<dyn Unit>>,
) -> rusqlite::Result<()> {
    let connection = &home.connection;
    execute(connection, "BEGIN IMMEDIATE")?;
    let changes = connection.total_changes();
    let mut done = 0;
    let mut weight = 0;
    while let Some(unit) = batch.get_mut(done) {
        unit.run(connection)?;
        done += 1;
        weight += unit.weight();
        if weight < FULL_BATCH {
            batch.extend(next());
        }
    }
    if connection.total_changes() == changes {
        return execute(connection, "COMMIT");
    }
    execute(
        connection,
        "UPDATE server SET commits = commits + 1 WHERE id = 1",
    )?;
    execute(connection, "COMMIT")?;
    home.commits += 1;
    measure::committed(batch.len());
    if let Err(error) = home.witness.tell(home.commits) {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "the witness of the database cannot be told of a commit; a copy put in the place of \
             the database may go unnoticed"
        );
    }
    Ok(())
}

/// Moves everything from the write-ahead log into the database and cuts the log to nothing.
///
/// # Errors
/// Also when a reader is in the way for longer than the busy timeout.
pub(super) fn empty_log(connection: &Connection) -> Result<(), Failure> {
    let is_blocked: bool =
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if is_blocked {
        return Err(Failure::LogInUse);
    }
    Ok(())
}

/// Work, and whom to tell of its outcome.
pub(super) struct Task<T, W> {
    effort: Effort,
    work: Option<W>,
    outcome: Option<Result<T, Failure>>,
    answer: oneshot::Sender<Result<T, Failure>>,
}

impl<T, W> Task<T, W> {
    pub(super) const fn new(
        effort: Effort,
        work: W,
        answer: oneshot::Sender<Result<T, Failure>>,
    ) -> Self {
        Self {
            effort,
            work: Some(work),
            outcome: None,
            answer,
        }
    }
}

impl<T, W> Unit for Task<T, W>
where
    T: Send,
    W: FnOnce(&Connection) -> Result<T, Failure> + Send,
{
    fn run(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let Some(work) = self.work.take() else {
            return Ok(());
        };
        execute(connection, "SAVEPOINT unit")?;
        // A panic must not end the thread that everybody's writes depend on.
        let outcome = catch_unwind(AssertUnwindSafe(|| work(connection)));
        let outcome = outcome.unwrap_or(Err(Failure::Panicked));
        let failure = outcome.as_ref().err().cloned();
        self.outcome = Some(outcome);
        match failure {
            None => execute(connection, "RELEASE unit"),
            // A full disk may have rolled back the whole transaction already.
            Some(_) if connection.is_autocommit() => Err(lost()),
            Some(_) => {
                execute(connection, "ROLLBACK TO unit")?;
                execute(connection, "RELEASE unit")
            }
        }
    }

    fn weight(&self) -> usize {
        match self.effort {
            Effort::Records(count) => count.max(1),
            Effort::Erasure => 1,
        }
    }

    fn has_erased(&self) -> bool {
        self.effort == Effort::Erasure && matches!(self.outcome, Some(Ok(_)))
    }

    fn answer(self: Box<Self>, fate: Result<(), Failure>) {
        // It was not run only if the transaction could not begin or go on.
        let outcome = match (self.outcome, fate) {
            // A failure of its own says more than the fate of the batch.
            (Some(Err(failure)), _) | (_, Err(failure)) => Err(failure),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (None, Ok(())) => Err(Failure::Closed),
        };
        // Whoever waited may have gone away.
        let _ = self.answer.send(outcome);
    }
}

/// The transaction is gone, and with it the writes that were in it.
fn lost() -> rusqlite::Error {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_ABORT_ROLLBACK);
    let message = "a failing write rolled back the transaction that it shared";
    rusqlite::Error::SqliteFailure(code, Some(message.to_owned()))
}

fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

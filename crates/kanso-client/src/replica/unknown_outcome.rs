//! Increments whose outcome can no longer be found out.
//!
//! If the answer to a push is lost, the client sends the operations again, and the server finds
//! their stored results by `op_id`. It keeps results for a limited time (`operation_results_days`
//! of `/sync/config`); after that, a retry looks like a new operation. For most operations this is
//! harmless, because the record already has the values. An increment would count twice.
//!
//! So the outbox stores when an increment was first sent (`first_sent_at`). One that has no answer
//! in time leaves the outbox and becomes a failure with the code `outcome_unknown`, for the user to
//! decide.

use std::collections::BTreeSet;

use kanso_domain::Timestamp;
use rusqlite::{Connection, params};

use super::apply::Batch;
use super::codec::instant;
use super::failures::{self, Failure, OUTCOME_UNKNOWN};
use super::outbox::{self, PendingOperation};
use super::{RecordKey, Replica, ReplicaError};

impl Replica {
    /// Records that the increments of `batch` are about to be sent, unless they were sent before.
    ///
    /// Call this before the request: a crash after it must leave the increments marked.
    pub(crate) fn note_sending(&self, batch: &Batch, now: Timestamp) -> Result<(), ReplicaError> {
        let Some((first, last)) = batch.positions() else {
            return Ok(());
        };
        // `json_valid` keeps a damaged body from failing the statement; SQLite may otherwise
        // evaluate `->>` on it.
        self.connection
            .prepare_cached(
                "UPDATE outbox SET first_sent_at = ?3
                 WHERE position BETWEEN ?1 AND ?2 AND first_sent_at IS NULL
                   AND acknowledged_seq IS NULL
                   AND CASE WHEN json_valid(body) THEN body ->> '$.action' = 'increment' END",
            )?
            .execute(params![first, last, now.as_micros()])?;
        Ok(())
    }

    /// Clears the mark of operations first sent at `at`: the request certainly had no effect.
    pub(crate) fn note_not_done(&self, at: Timestamp) -> Result<(), ReplicaError> {
        self.connection
            .prepare_cached("UPDATE outbox SET first_sent_at = NULL WHERE first_sent_at = ?1")?
            .execute([at.as_micros()])?;
        Ok(())
    }

    /// Returns when the oldest increment without an answer was first sent.
    pub(crate) fn oldest_unanswered(&self) -> Result<Option<Timestamp>, ReplicaError> {
        let sql = "SELECT min(first_sent_at) FROM outbox WHERE acknowledged_seq IS NULL";
        let oldest: Option<i64> = self
            .connection
            .prepare_cached(sql)?
            .query_row([], |row| row.get(0))?;
        // A damaged instant counts as long past.
        Ok(oldest.map(|micros| instant(micros).unwrap_or(Timestamp::MIN)))
    }

    /// Moves unanswered increments that were first sent before `limit` to the failures, each with
    /// its group. Returns the failures and the records that they are about.
    pub(crate) fn set_aside_unknown(
        &mut self,
        limit: Timestamp,
        now: Timestamp,
    ) -> Result<(Vec<Failure>, BTreeSet<RecordKey>), ReplicaError> {
        let transaction = self.begin()?;
        let unknown = with_unknown_outcome(&transaction, limit)?;
        let done = failures::set_aside(&transaction, &unknown, OUTCOME_UNKNOWN, now)?;
        transaction.commit()?;
        Ok(done)
    }
}

fn with_unknown_outcome(
    connection: &Connection,
    limit: Timestamp,
) -> Result<Vec<PendingOperation>, ReplicaError> {
    // The rest of the group goes too: sent alone it would be another group than the user made.
    outbox::select(
        connection,
        "acknowledged_seq IS NULL AND (
             first_sent_at < ?1
             OR CASE WHEN json_valid(body) THEN body ->> '$.group' END IN (
                 SELECT CASE WHEN json_valid(body) THEN body ->> '$.group' END FROM outbox
                 WHERE acknowledged_seq IS NULL AND first_sent_at < ?1))",
        params![limit.as_micros()],
    )
}

//! Increments of which nobody can tell any more whether the server counted them.
//!
//! A server finds the result of an operation that is sent again for some time only
//! (`operation_results_days` of `/sync/config`). Any other operation that comes again after that finds
//! what it says there already. An increment would count twice.

use std::collections::BTreeSet;

use kanso_domain::Timestamp;
use kanso_protocol::sync::{OperationResult, OperationStatus};
use rusqlite::{Connection, params};

use super::codec::instant;
use super::delivery::Batch;
use super::outbox::{self, Waiting};
use super::{Failure, Key, Replica, ReplicaError, account, failures, shown};

/// The code of such a failure. It is the client's own: no server sends it.
pub(super) const OUTCOME_UNKNOWN: &str = "outcome_unknown";

impl Replica {
    /// The increments of `batch` go out now, those of them that never did.
    pub(crate) fn note_sending(&self, batch: &Batch, now: Timestamp) -> Result<(), ReplicaError> {
        let Some((first, last)) = batch.positions() else {
            return Ok(());
        };
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

    /// What first went out at `at` did not arrive, or was refused as a whole.
    pub(crate) fn note_not_done(&self, at: Timestamp) -> Result<(), ReplicaError> {
        self.connection
            .prepare_cached("UPDATE outbox SET first_sent_at = NULL WHERE first_sent_at = ?1")?
            .execute([at.as_micros()])?;
        Ok(())
    }

    /// When the oldest increment without an answer first went out, if there is one.
    pub(crate) fn oldest_unanswered(&self) -> Result<Option<Timestamp>, ReplicaError> {
        let sql = "SELECT min(first_sent_at) FROM outbox WHERE acknowledged_seq IS NULL";
        let oldest: Option<i64> = self
            .connection
            .prepare_cached(sql)?
            .query_row([], |row| row.get(0))?;
        oldest.map(instant).transpose()
    }

    /// Puts the increments without an answer that went out before `limit` on the list of what a
    /// person decides, each with its group. Answers with them and with the records that they are
    /// about.
    pub(crate) fn set_aside_unsure(
        &mut self,
        limit: Timestamp,
        now: Timestamp,
    ) -> Result<(Vec<Failure>, BTreeSet<Key>), ReplicaError> {
        let transaction = self.begin()?;
        let settings = account::settings(&transaction)?;
        let (mut set_aside, mut changed) = (Vec::new(), BTreeSet::new());
        for waiting in unsure(&transaction, limit)? {
            outbox::remove(&transaction, waiting.op_id)?;
            let result = outcome_unknown(&waiting);
            set_aside.push(failures::keep(&transaction, &waiting, &result, now)?);
            changed.insert(waiting.key);
        }
        for &key in &changed {
            shown::refresh(&transaction, key, &settings)?;
        }
        transaction.commit()?;
        Ok((set_aside, changed))
    }
}

fn unsure(connection: &Connection, limit: Timestamp) -> Result<Vec<Waiting>, ReplicaError> {
    outbox::select(
        connection,
        "acknowledged_seq IS NULL AND (
             first_sent_at < ?1
             OR CASE WHEN json_valid(body) THEN body ->> '$.group' END IN (
                 SELECT body ->> '$.group' FROM outbox
                 WHERE acknowledged_seq IS NULL AND first_sent_at < ?1))",
        params![limit.as_micros()],
    )
}

fn outcome_unknown(waiting: &Waiting) -> OperationResult {
    OperationResult {
        op_id: waiting.op_id,
        status: OperationStatus::Rejected,
        version: None,
        seq: None,
        conflict: None,
        record: None,
        code: Some(OUTCOME_UNKNOWN.to_owned()),
        errors: Vec::new(),
        waits_for: None,
    }
}

//! One round of sync on the local side: the next batch to send, and applying the server's answer.

use std::collections::{BTreeMap, BTreeSet};

use kanso_domain::Seq;
use kanso_domain::sync::Digest;
use kanso_protocol::sync::{ActionName, OperationRequest, OperationResult, OperationStatus};
use rusqlite::{Transaction, params};
use serde_json::Value;
use uuid::Uuid;

use super::account::DeliveredSettings;
use super::codec::seq;
use super::failures::Failure;
use super::foreign::{self, ForeignRecord};
use super::outbox::{self, PendingOperation};
use super::position::{self, Position, ResyncReason, position};
use super::recovery::{self, ApplyError, RepairOptions};
use super::rejections::{self, RejectedOperation};
use super::row::MirrorRow;
use super::{
    RecordKey, Replica, ReplicaError, account, after_create, mirror, own_versions, stranded, view,
};

/// Input of one request: the operations to push and the position to pull from.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) device_id: Uuid,
    position: Position,
    pub(super) operations: Vec<PendingOperation>,
    /// Versions of the records of the batch that this device made.
    pub(crate) seen_versions: BTreeMap<Uuid, Vec<i64>>,
    /// Name of the group that the batch is a part of, because the whole group does not fit into a
    /// request. Such a batch must not be sent.
    pub(crate) torn_group: Option<String>,
}

impl Batch {
    pub(crate) fn cursor(&self) -> Option<&str> {
        self.position.cursor.as_deref()
    }

    /// Returns the operations as JSON, with the same bytes at every retry, and the number of
    /// operations of the group that each belongs to.
    pub(crate) fn bodies(&self) -> Result<Vec<(&str, Option<usize>)>, ReplicaError> {
        let groups = self.operations.iter().map(PendingOperation::group);
        let groups = groups.collect::<Result<Vec<_>, _>>()?;
        let mut bodies = Vec::with_capacity(groups.len());
        // Operations of a group stand side by side, and a batch has all of them.
        for group in groups.chunk_by(|one, next| one.is_some() && one == next) {
            let size = group[0].is_some().then_some(group.len());
            let bodies_of_group = self.operations[bodies.len()..].iter().take(group.len());
            bodies.extend(bodies_of_group.map(|pending| (pending.body.as_str(), size)));
        }
        Ok(bodies)
    }

    /// Returns the size of the operations in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.operations
            .iter()
            .map(|pending| pending.body.len())
            .sum()
    }

    /// Returns true if the operation is part of the batch.
    pub(crate) fn contains(&self, op_id: Uuid) -> bool {
        self.operations.iter().any(|pending| pending.op_id == op_id)
    }

    /// Returns true if the batch is one operation or one group, so that it cannot be divided.
    pub(crate) fn is_one_unit(&self) -> Result<bool, ReplicaError> {
        let [first, rest @ ..] = self.operations.as_slice() else {
            return Ok(true);
        };
        let group = first.group()?;
        for pending in rest {
            if group.is_none() || pending.group()? != group {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Returns the outbox positions of the first and the last operation, if there are operations.
    pub(crate) fn positions(&self) -> Option<(i64, i64)> {
        Some((
            self.operations.first()?.position,
            self.operations.last()?.position,
        ))
    }
}

/// Answer of the server to one request.
#[derive(Debug)]
pub(crate) struct SyncAnswer {
    pub(crate) results: Vec<OperationResult>,
    /// Number of results that this version cannot read. Their operations stay in the outbox.
    pub(crate) unread_results: u64,
    pub(crate) records: Vec<MirrorRow>,
    /// Changes that this version cannot read.
    pub(crate) foreign: Vec<ForeignRecord>,
    /// Settings of the account, if they changed.
    pub(crate) settings: Option<DeliveredSettings>,
    /// Digest of the server's live records; only on the last page.
    pub(crate) digest: Option<Digest>,
    pub(crate) cursor: String,
    pub(crate) head: Seq,
    pub(crate) has_more: bool,
    /// Position at which the server's history began. An older server does not report it.
    pub(crate) history_start: Option<Seq>,
}

/// Effects of applying an answer.
#[derive(Debug, Default)]
pub(crate) struct ApplyReport {
    /// Number of acknowledged operations.
    pub(crate) pushed: u64,
    /// Number of acknowledged operations that the server merged with edits of other devices.
    pub(crate) merged: u64,
    /// Rejected operations.
    pub(crate) failures: Vec<Failure>,
    /// Number of records that are given back to the server.
    pub(crate) offered: u64,
    /// Number of records that had been deleted and are live again.
    pub(crate) undeleted: u64,
    /// True if everything was read and the digests still differ. False if they cannot be compared,
    /// because this version cannot read all records.
    pub(crate) has_drifted: bool,
    /// Operations for which the account has no room.
    pub(crate) over_quota: Vec<OperationRequest>,
    /// Number of operations that the server deferred.
    pub(crate) deferred: u64,
    /// True if the server lost acknowledged operations, which are now queued again.
    pub(crate) must_resend: bool,
    /// Reason of the resync that this answer completed; then any record may have changed.
    pub(crate) resynced: Option<ResyncReason>,
    /// Records that changed.
    pub(crate) changed: BTreeSet<RecordKey>,
}

impl Replica {
    /// Returns the next batch: the operations after the outbox position `after`, at most `limit` of
    /// about `bytes` in total.
    pub(crate) fn next_batch(
        &self,
        after: i64,
        limit: usize,
        bytes: usize,
    ) -> Result<Batch, ReplicaError> {
        let position = position(&self.connection)?;
        // Nothing is pushed while the history of a restored server is read. Waiting operations may
        // build on records that the server gets back only at the end of the resync.
        let limit = if position.resync == Some(ResyncReason::HistoryLost) {
            0
        } else {
            limit
        };
        let next = outbox::next(&self.connection, after, limit, bytes)?;
        let mut operations = next.operations;
        let torn_group = match operations.first() {
            Some(first) if next.is_torn => first.group()?,
            _ => None,
        };
        let seen_versions = own_versions::of_batch(&self.connection, &mut operations)?;
        let made_by = operations.first().and_then(|pending| pending.device_id);
        let device_id = match made_by {
            Some(device_id) => device_id,
            None => account::device_id(&self.connection)?,
        };
        Ok(Batch {
            device_id,
            position,
            operations,
            seen_versions,
            torn_group,
        })
    }

    /// Returns true if no operation after the outbox position `after` waits.
    pub(crate) fn is_drained(&self, after: i64) -> Result<bool, ReplicaError> {
        let next = outbox::next(&self.connection, after, 1, usize::MAX)?;
        Ok(next.operations.is_empty())
    }

    /// Applies the answer to `batch` in one transaction.
    ///
    /// This is the only place where an operation leaves the outbox because of its result, and where
    /// the cursor moves. The cursor moves in the transaction that stores the records before it, so
    /// a crash can neither skip a record nor lose an operation.
    pub(crate) fn apply(
        &mut self,
        batch: &Batch,
        answer: &SyncAnswer,
        options: RepairOptions<'_>,
    ) -> Result<ApplyReport, ApplyError> {
        let transaction = self.begin()?;
        // Results count in any case: each names its operation.
        let mut report = apply_results(&transaction, batch, answer, options)?;
        // Records count only at the position from which they were asked for. If another process has
        // synced in the meantime, its position is newer, and its records include these.
        if position(&transaction)? == batch.position {
            apply_records(&transaction, batch, answer, options, &mut report)?;
            if !answer.has_more {
                let stranded =
                    stranded::set_aside(&transaction, batch, &answer.results, options.now)?;
                report.failures.extend(stranded);
            }
            // After the records: the views of waiting entries are derived with the new settings below.
            if let Some(settings) = &answer.settings {
                account::store_settings(&transaction, settings, options.now)?;
            }
            if let Some(theirs) = answer.digest {
                // A record of an unknown entity has no part in the digest of this version.
                report.has_drifted =
                    mirror::digest(&transaction)? != theirs && !foreign::has_any(&transaction)?;
            }
        }
        own_versions::prune(&transaction)?;
        let settings = account::settings(&transaction)?;
        if report.resynced.is_some() {
            view::refresh_all(&transaction, &settings)?;
        } else {
            for &key in &report.changed {
                view::refresh(&transaction, key, &settings)?;
            }
        }
        transaction.commit()?;
        Ok(report)
    }

    /// Begins a resync: all records are read again into the staged table.
    ///
    /// The mirror, the view and the outbox stay as they are until the last page has arrived. So the
    /// user sees no empty list, and an interrupted resync continues from `resync_cursor`.
    ///
    /// `shared` is the newest position that the history of the rejected cursor shares with the server's
    /// present one, if it is known.
    pub(crate) fn begin_resync(
        &mut self,
        why: ResyncReason,
        shared: Option<Seq>,
    ) -> Result<(), ReplicaError> {
        let transaction = self.begin()?;
        mirror::clear_staged(&transaction)?;
        outbox::forget_acknowledgements(&transaction)?;
        // `max` keeps the stronger reason. A resync after a lost history may itself be answered
        // with `cursor_expired`; the records still have to be given back. `min` keeps the lowest
        // position: the server can be restored again during a resync.
        transaction
            .prepare_cached(
                "UPDATE replica SET is_resyncing = 1, resync_cursor = NULL,
                                history_start = coalesce(
                                    min(coalesce(history_start, ?2), ?2), history_start),
                                offers_back = max(offers_back, ?1)",
            )?
            .execute(params![
                why == ResyncReason::HistoryLost,
                shared.map(Seq::get)
            ])?;
        Ok(transaction.commit()?)
    }
}

fn apply_results(
    transaction: &Transaction<'_>,
    batch: &Batch,
    answer: &SyncAnswer,
    RepairOptions { now, ids, .. }: RepairOptions<'_>,
) -> Result<ApplyReport, ReplicaError> {
    let sent: BTreeMap<Uuid, &PendingOperation> = batch
        .operations
        .iter()
        .map(|pending| (pending.op_id, pending))
        .collect();
    let mut report = ApplyReport::default();
    let mut rejected = Vec::new();
    for result in &answer.results {
        // A result for an operation that was not sent is ignored; it has nothing to change here.
        let Some(&pending) = result.op_id.and_then(|op_id| sent.get(&op_id)) else {
            continue;
        };
        report.changed.insert(pending.key);
        after_create::settle(transaction, pending, result, ids)?;
        match result.status {
            OperationStatus::Applied
            | OperationStatus::Merged
            | OperationStatus::Noop
            | OperationStatus::Duplicate => {
                report.merged += u64::from(result.status == OperationStatus::Merged);
                // The server sends a `seq` with every success. A missing one counts as delivered.
                let done_at = seq(result.seq.unwrap_or_default())?;
                outbox::acknowledge(transaction, pending.op_id, done_at)?;
                // The version of a no-op was made by another edit, which may be one of a copy.
                if let Some(version) = result.version
                    && result.status != OperationStatus::Noop
                {
                    own_versions::add(transaction, pending.key, version)?;
                }
                report.pushed += 1;
            }
            OperationStatus::Deferred => {
                outbox::defer(transaction, pending.op_id)?;
                report.deferred += 1;
            }
            // Deferred too: an operation later in the outbox may make room.
            OperationStatus::OverQuota => {
                outbox::defer(transaction, pending.op_id)?;
                report.deferred += 1;
                report.over_quota.push(outbox::request(&pending.body)?);
            }
            OperationStatus::Conflict | OperationStatus::Gone | OperationStatus::Rejected => {
                let request = outbox::request(&pending.body)?;
                let is_gone = result.status == OperationStatus::Gone;
                // Another device deleted the record that is given back. The delete wins, and the user
                // did not make this operation, so there is nothing to report if that device knew all
                // of it: the tombstone has the same values.
                if is_gone && pending.is_offer && is_known(&request, result.record.as_ref()) {
                    outbox::remove(transaction, pending.op_id)?;
                    continue;
                }
                rejected.push(RejectedOperation {
                    pending,
                    request,
                    result,
                });
            }
        }
    }
    // After the loop: settling a group needs the results of all of its operations.
    report.failures = rejections::settle(transaction, &rejected, now, ids)?;
    Ok(report)
}

/// Returns true if a device that deleted `record` knew what the offer `request` gives back.
fn is_known(request: &OperationRequest, record: Option<&Value>) -> bool {
    let fields = request.fields.as_ref().and_then(Value::as_object);
    // A whole record is given back only if no device has edited it since it was known.
    request.action == ActionName::Create
        || fields.into_iter().flatten().all(|(name, value)| {
            // It is not a member of a record, and says nothing about the other members.
            name == "effective_from" || record.is_some_and(|record| record.get(name) == Some(value))
        })
}

fn apply_records(
    transaction: &Transaction<'_>,
    batch: &Batch,
    answer: &SyncAnswer,
    options: RepairOptions<'_>,
    report: &mut ApplyReport,
) -> Result<(), ApplyError> {
    if let Some(why) = batch.position.resync {
        for record in &answer.records {
            mirror::stage(transaction, record)?;
        }
        for record in &answer.foreign {
            record.store(transaction, true)?;
        }
        if let Some(start) = answer.history_start {
            // The server reports where its present history began. If it was restored twice since the
            // last sync, the histories part earlier, and the refusal of the cursor said where.
            let sql = "UPDATE replica SET history_start = min(coalesce(history_start, ?1), ?1)";
            transaction.prepare_cached(sql)?.execute([start.get()])?;
        }
        if answer.has_more {
            let sql = "UPDATE replica SET resync_cursor = ?1";
            transaction.prepare_cached(sql)?.execute([&answer.cursor])?;
            return Ok(());
        }
        let start = position::shared_up_to(transaction, &answer.cursor)?;
        let swapped = recovery::swap(transaction, why, start, options)?;
        report.offered = swapped.offered;
        report.undeleted = swapped.undeleted;
        report.resynced = Some(why);
    } else {
        // Read once, updated per record and stored once, not once per record.
        let mut digest = mirror::digest(transaction)?;
        for record in &answer.records {
            report
                .changed
                .extend(mirror::store(transaction, record, &mut digest)?);
        }
        mirror::store_digest(transaction, digest)?;
        for record in &answer.foreign {
            record.store(transaction, false)?;
        }
    }
    let settled = if answer.has_more {
        outbox::settle_delivered(transaction)?
    } else {
        // In this order: `settle_all` removes every acknowledged operation up to the head, also
        // those that the server lost.
        report.must_resend = outbox::forget_lost(transaction, answer.head)?;
        if report.must_resend {
            after_create::hold_unknown(transaction, None)?;
        }
        outbox::settle_all(transaction, answer.head)?
    };
    report.changed.extend(settled);
    let was_restored = batch.position.resync == Some(ResyncReason::HistoryLost);
    // Only the last page completes a sync.
    let synced_at = (!answer.has_more).then_some(options.now.as_micros());
    transaction
        .prepare_cached(
            "UPDATE replica SET cursor = ?1, is_resyncing = 0, resync_cursor = NULL,
                                offers_back = 0, history_start = NULL,
                                was_restored = max(was_restored, ?3),
                                last_sync_at = coalesce(?2, last_sync_at)",
        )?
        .execute(params![answer.cursor, synced_at, was_restored])?;
    Ok(())
}

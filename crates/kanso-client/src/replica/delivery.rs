//! What is sent in one round of sync, and what the answer to it does: one transaction.

use std::collections::{BTreeMap, BTreeSet};

use kanso_domain::accounts::Settings;
use kanso_domain::sync::Digest;
use kanso_domain::{Record, Seq};
use kanso_protocol::sync::{OperationResult, OperationStatus};
use rusqlite::{Connection, Transaction, params};
use uuid::Uuid;

use super::codec::seq;
use super::outbox::{self, Waiting};
use super::recovery::{self, Hindered, Terms};
use super::refusals::{self, Refused};
use super::{Failure, Key, Replica, ReplicaError, account, base, shown};

/// Where the replica stands in the server's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Everything is being delivered anew, and why.
    resync: Option<Resync>,
    cursor: Option<String>,
}

/// Why everything was delivered anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resync {
    /// The server was put back to an older state: what it lost is offered to it.
    HistoryLost,
    /// The device was away for too long, or lost its place: what the server does not have any
    /// more was deleted.
    PlaceLost,
}

/// What one round sends.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) device_id: Uuid,
    place: Place,
    waiting: Vec<Waiting>,
}

impl Batch {
    pub(crate) fn cursor(&self) -> Option<&str> {
        self.place.cursor.as_deref()
    }

    /// The operations, each as it is sent at every retry.
    pub(crate) fn bodies(&self) -> impl Iterator<Item = &str> {
        self.waiting.iter().map(|waiting| waiting.body.as_str())
    }

    /// The places of the first and the last operation in the outbox, if there is any operation.
    pub(crate) fn positions(&self) -> Option<(i64, i64)> {
        Some((
            self.waiting.first()?.position,
            self.waiting.last()?.position,
        ))
    }
}

/// What the server answered.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) results: Vec<OperationResult>,
    pub(crate) records: Vec<Record>,
    /// The account's settings, if they changed.
    pub(crate) settings: Option<Settings>,
    /// Of the server's live records, when this is all that there is.
    pub(crate) digest: Option<Digest>,
    pub(crate) cursor: String,
    pub(crate) head: Seq,
    pub(crate) has_more: bool,
}

/// What an answer did.
#[derive(Debug, Default)]
pub(crate) struct Applied {
    /// Operations that the server took.
    pub(crate) pushed: u64,
    /// Those of them that it merged with edits of other devices.
    pub(crate) merged: u64,
    /// Operations that it refused for good.
    pub(crate) failures: Vec<Failure>,
    /// Records that are offered back to it.
    pub(crate) offered: u64,
    /// The replica has read everything and still adds up to something else than the server.
    pub(crate) has_drifted: bool,
    /// Operations that wait for another record to arrive at the server.
    pub(crate) deferred: u64,
    /// Something that the server had taken is lost there, and is sent again.
    pub(crate) must_resend: bool,
    /// Everything may have changed, and why.
    pub(crate) resynced: Option<Resync>,
    /// The records that changed.
    pub(crate) changed: BTreeSet<Key>,
}

impl Replica {
    /// The next round after the operation at `after`, with at most `limit` operations of about
    /// `bytes`. While a server that lost its history is read, nothing is sent to it: what waits
    /// may build on what it gets back only then.
    pub(crate) fn next_batch(
        &self,
        after: i64,
        limit: usize,
        bytes: usize,
    ) -> Result<Batch, ReplicaError> {
        let place = place(&self.connection)?;
        let limit = if place.resync == Some(Resync::HistoryLost) {
            0
        } else {
            limit
        };
        Ok(Batch {
            device_id: account::device_id(&self.connection)?,
            waiting: outbox::next(&self.connection, after, limit, bytes)?,
            place,
        })
    }

    /// Whether no operation after the one at `position` waits to be sent.
    pub(crate) fn is_drained(&self, position: i64) -> Result<bool, ReplicaError> {
        Ok(outbox::next(&self.connection, position, 1, usize::MAX)?.is_empty())
    }

    /// Takes the answer to `batch` in. An operation leaves the outbox only here, when its result
    /// is known; the cursor moves only together with the records that it has passed.
    pub(crate) fn apply(
        &mut self,
        batch: &Batch,
        delivery: &Delivery,
        terms: Terms<'_>,
    ) -> Result<Applied, Hindered> {
        let transaction = self.begin()?;
        let mut applied = take_results(&transaction, batch, delivery, terms)?;
        // Another process may have synced meanwhile: then its place is the newer one.
        if place(&transaction)? == batch.place {
            take_records(&transaction, batch, delivery, terms, &mut applied)?;
            if let Some(settings) = &delivery.settings {
                account::keep_settings(&transaction, settings, terms.now)?;
            }
            if let Some(theirs) = delivery.digest {
                applied.has_drifted = base::digest(&transaction)? != theirs;
            }
        }
        let settings = account::settings(&transaction)?;
        if applied.resynced.is_some() {
            shown::refresh_all(&transaction, &settings)?;
        } else {
            for &key in &applied.changed {
                shown::refresh(&transaction, key, &settings)?;
            }
        }
        transaction.commit()?;
        Ok(applied)
    }

    /// From now on everything is delivered anew. What is shown stays until that is complete; the
    /// outbox stays anyway.
    pub(crate) fn begin_resync(&mut self, why: Resync) -> Result<(), ReplicaError> {
        let transaction = self.begin()?;
        base::clear_staged(&transaction)?;
        outbox::forget_acknowledgements(&transaction)?;
        transaction
            .prepare_cached(
                "UPDATE replica SET is_resyncing = 1, resync_cursor = NULL,
                                offers_back = max(offers_back, ?1)",
            )?
            .execute([why == Resync::HistoryLost])?;
        Ok(transaction.commit()?)
    }
}

pub(super) fn place(connection: &Connection) -> Result<Place, ReplicaError> {
    let sql = "SELECT is_resyncing, offers_back,
                      CASE is_resyncing WHEN 1 THEN resync_cursor ELSE cursor END
               FROM replica";
    Ok(connection.prepare_cached(sql)?.query_row([], |row| {
        let (is_resyncing, offers_back): (bool, bool) = (row.get(0)?, row.get(1)?);
        let why = if offers_back {
            Resync::HistoryLost
        } else {
            Resync::PlaceLost
        };
        Ok(Place {
            resync: is_resyncing.then_some(why),
            cursor: row.get(2)?,
        })
    })?)
}

fn take_results(
    transaction: &Transaction<'_>,
    batch: &Batch,
    delivery: &Delivery,
    Terms { now, ids, .. }: Terms<'_>,
) -> Result<Applied, ReplicaError> {
    let sent: BTreeMap<Uuid, &Waiting> = batch
        .waiting
        .iter()
        .map(|waiting| (waiting.op_id, waiting))
        .collect();
    let mut applied = Applied::default();
    let mut refused = Vec::new();
    for result in &delivery.results {
        let Some(&waiting) = sent.get(&result.op_id) else {
            continue;
        };
        applied.changed.insert(waiting.key);
        match result.status {
            OperationStatus::Applied
            | OperationStatus::Merged
            | OperationStatus::Noop
            | OperationStatus::Duplicate => {
                applied.merged += u64::from(result.status == OperationStatus::Merged);
                let done_at = seq(result.seq.unwrap_or_default())?;
                outbox::acknowledge(transaction, waiting.op_id, done_at)?;
                applied.pushed += 1;
            }
            OperationStatus::Deferred => {
                outbox::defer(transaction, waiting.op_id)?;
                applied.deferred += 1;
            }
            // Another device deleted what is offered here: that is how it should be.
            OperationStatus::Gone if waiting.is_offer => {
                outbox::remove(transaction, waiting.op_id)?;
            }
            OperationStatus::Conflict | OperationStatus::Gone | OperationStatus::Rejected => {
                let request = outbox::request(&waiting.body)?;
                refused.push(Refused {
                    waiting,
                    request,
                    result,
                });
            }
        }
    }
    applied.failures = refusals::take(transaction, &refused, now, ids)?;
    Ok(applied)
}

fn take_records(
    transaction: &Transaction<'_>,
    batch: &Batch,
    delivery: &Delivery,
    terms: Terms<'_>,
    applied: &mut Applied,
) -> Result<(), Hindered> {
    if let Some(why) = batch.place.resync {
        for record in &delivery.records {
            base::stage(transaction, record)?;
        }
        if delivery.has_more {
            let sql = "UPDATE replica SET resync_cursor = ?1";
            transaction
                .prepare_cached(sql)?
                .execute([&delivery.cursor])?;
            return Ok(());
        }
        applied.offered = recovery::swap(transaction, why, terms)?;
        applied.resynced = Some(why);
    } else {
        let mut digest = base::digest(transaction)?;
        for record in &delivery.records {
            applied
                .changed
                .extend(base::keep(transaction, record, &mut digest)?);
        }
        base::keep_digest(transaction, digest)?;
    }
    let settled = if delivery.has_more {
        outbox::settle_delivered(transaction)?
    } else {
        applied.must_resend = outbox::forget_lost(transaction, delivery.head)?;
        outbox::settle_all(transaction, delivery.head)?
    };
    applied.changed.extend(settled);
    let synced_at = (!delivery.has_more).then_some(terms.now.as_micros());
    transaction
        .prepare_cached(
            "UPDATE replica SET cursor = ?1, is_resyncing = 0, resync_cursor = NULL,
                                offers_back = 0, last_sync_at = coalesce(?2, last_sync_at)",
        )?
        .execute(params![delivery.cursor, synced_at])?;
    Ok(())
}

//! Replacing the mirror, or parts of it, with what the server has.
//!
//! * [`swap`] ends a resync: the staged records replace the whole mirror.
//! * [`Replica::repair`] replaces single buckets after a comparison of digests.
//!
//! Both can find records that the server lacks, and both then have to decide between two
//! explanations. Another device deleted the record: it has to go here too. Or the server lost it:
//! it has to be given back. A server that lost its history demands a resync for that reason
//! (`ResyncReason::HistoryLost`). In a repair the reason is unknown, so the records are offered in any
//! case: if one was deleted, the server still knows its id and answers `gone`.
//!
//! Both refuse to remove many records at once without the user's consent ([`ManyDeletions`]), since
//! a broken or emptied server looks exactly like a server on which everything was deleted.

use std::collections::{BTreeMap, BTreeSet};

use kanso_domain::sync::{Buckets, Digest};
use kanso_domain::{Seq, Timestamp};
use rusqlite::{Connection, Transaction};

use super::delivered::DeliveredStates;
use super::foreign::{self, ForeignRecord};
use super::give_back::{self, PartedHistories, RecordPair, Side};
use super::position::{Position, ResyncReason, position, was_restored};
use super::row::{MirrorRow, MirrorTable};
use super::{
    RecordKey, Replica, ReplicaError, account, after_create, mirror, outbox, own_versions, view,
};
use crate::clock::Ids;

/// A sync would remove many records from this device. Nothing was removed: ask the user first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server no longer has {missing} of the {present} records on this device")]
pub struct ManyDeletions {
    /// Number of records that would be removed.
    pub missing: u64,
    /// Number of records on this device.
    pub present: u64,
}

/// Number of records that may be removed without a question, however few records there are.
const ALWAYS_ALLOWED: u64 = 50;
/// In a larger replica, one record in this many may be removed without a question.
const ALLOWED_ONE_IN: u64 = 5;

impl ManyDeletions {
    pub(super) fn check(missing: u64, present: u64) -> Result<(), Self> {
        if missing > ALWAYS_ALLOWED.max(present / ALLOWED_ONE_IN) {
            return Err(Self { missing, present });
        }
        Ok(())
    }
}

/// Reason why an answer of the server was not applied. The transaction was rolled back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApplyError {
    #[error(transparent)]
    ManyDeletions(#[from] ManyDeletions),
    #[error(transparent)]
    Replica(#[from] ReplicaError),
}

impl From<rusqlite::Error> for ApplyError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Replica(error.into())
    }
}

/// Inputs of a repair that come from outside of the replica.
#[derive(Clone, Copy)]
pub(crate) struct RepairOptions<'a> {
    /// True if the user has agreed that many records are removed.
    pub(crate) accept_deletions: bool,
    pub(crate) now: Timestamp,
    /// Source of ids for the operations that give records back.
    pub(crate) ids: &'a dyn Ids,
}

/// Effects of replacing the mirror.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Swap {
    /// Number of records that are given back to the server.
    pub(super) offered: u64,
    /// Number of records that had been deleted and are live again.
    pub(super) undeleted: u64,
}

/// Replaces the mirror with the staged records. `shared_up_to` is the newest position that both
/// histories have, if it is known.
pub(super) fn swap(
    transaction: &Transaction<'_>,
    why: ResyncReason,
    shared_up_to: Option<Seq>,
    options: RepairOptions<'_>,
) -> Result<Swap, ApplyError> {
    mirror::drop_staged_orphans(transaction)?;
    // Before the swap, which discards the old mirror.
    let mut swap = Swap::default();
    let mut pairs = Vec::new();
    if why == ResyncReason::HistoryLost {
        own_versions::drop_lost(transaction)?;
        pairs = pairs_with_staged(transaction, shared_up_to)?;
        swap.undeleted = count_undeleted(transaction, shared_up_to)?;
        after_create::hold_unknown(transaction, shared_up_to)?;
    }
    if !options.accept_deletions {
        // A record that is given back returns from the server, so it is not a deletion.
        let is_missing = |pair: &&RecordPair| pair.theirs.is_none();
        let given_back = pairs.iter().filter(is_missing).count() as u64;
        let missing = count_missing(transaction)?.saturating_sub(given_back);
        ManyDeletions::check(missing, mirror::count_live(transaction)?)?;
    }
    mirror::swap(transaction)?;
    foreign::swap(transaction)?;
    mirror::recount(transaction)?;
    let RepairOptions { now, ids, .. } = options;
    swap.offered = give_back::give_back(transaction, pairs, now, ids)?;
    Ok(swap)
}

/// Counts the records whose deletion the server has lost.
fn count_undeleted(
    connection: &Connection,
    shared_up_to: Option<Seq>,
) -> Result<u64, ReplicaError> {
    // A record whose deletion both histories have was revived on purpose.
    let sql = "SELECT count(*) FROM base JOIN staged USING (entity, id)
               WHERE base.is_live = 0 AND staged.is_live = 1 AND base.seq > ?1";
    let shared = shared_up_to.map_or(0, Seq::get);
    let count: i64 = connection
        .prepare_cached(sql)?
        .query_row([shared], |row| row.get(0))?;
    Ok(count.cast_unsigned())
}

fn count_missing(connection: &Connection) -> Result<u64, ReplicaError> {
    let sql = "SELECT count(*) FROM base
               WHERE is_live = 1
                 AND id NOT IN (SELECT id FROM foreign_records WHERE is_staged = 1)
                 AND NOT EXISTS (
                   SELECT 1 FROM staged
                   WHERE staged.entity = base.entity AND staged.id = base.id AND staged.is_live)";
    let count: i64 = connection
        .prepare_cached(sql)?
        .query_row([], |row| row.get(0))?;
    Ok(count.cast_unsigned())
}

/// Pairs the records that the server lacks or may have lost a change of, and those with operations
/// in the outbox.
fn pairs_with_staged(
    connection: &Connection,
    shared_up_to: Option<Seq>,
) -> Result<Vec<RecordPair>, ReplicaError> {
    // A change after the shared part of the histories was lost, even if the server has a higher
    // version by now: another device may have edited the record in the new history.
    let mut statement = connection.prepare(
        "SELECT base.entity, base.id FROM base LEFT JOIN staged USING (entity, id)
         WHERE base.is_live = 1
           AND (staged.id IS NULL OR staged.version < base.version OR base.seq > ?1)
           AND base.id NOT IN (SELECT id FROM foreign_records WHERE is_staged = 1)",
    )?;
    let lost = outbox::read_keys(&mut statement.query([shared_up_to.map(Seq::get)])?)?;
    let mut keys: BTreeSet<RecordKey> = lost.into_iter().collect();
    // The waiting operations may need another base version, even if the record itself is the same.
    keys.extend(outbox::keys(connection)?);
    let was_restored = was_restored(connection)?;
    let mut pairs = Vec::new();
    for key in keys {
        let Some(ours) = mirror::row(connection, MirrorTable::Base, key)? else {
            continue;
        };
        let theirs = mirror::row(connection, MirrorTable::Staged, key)?;
        if let Some(mut pair) = pair(&ours, theirs.as_ref())? {
            if let Some(at) = shared_up_to {
                let states = DeliveredStates::read(connection, key, (ours.seq, ours.version))?;
                pair.parted = Some(PartedHistories {
                    at,
                    shared: states.shared_up_to(at),
                    was_restored,
                });
            }
            pairs.push(pair);
        }
    }
    Ok(pairs)
}

/// Pairs a row with the server's record; `None` for a tombstone or a damaged row, which are never
/// given back, and for a record of which this version reads nothing.
fn pair(ours: &MirrorRow, theirs: Option<&MirrorRow>) -> Result<Option<RecordPair>, ReplicaError> {
    if !ours.is_live || !ours.is_intact() {
        return Ok(None);
    }
    let theirs = match theirs {
        None => None,
        Some(row) => match Side::of(row)? {
            Some(side) => Some(side),
            // The server has the record, so it needs no offer.
            None => return Ok(None),
        },
    };
    Ok(Side::of(ours)?.map(|ours| RecordPair {
        ours,
        theirs,
        parted: None,
    }))
}

/// Digests of the mirror's buckets, and the position at which they were computed.
#[derive(Debug)]
pub(crate) struct LocalBuckets {
    position: Position,
    pub(crate) buckets: Buckets,
}

/// Live records that the server has in some buckets, by bucket number.
#[derive(Debug)]
pub(crate) struct RemoteBuckets {
    pub(crate) buckets: BTreeMap<u8, Vec<MirrorRow>>,
    /// Changes of these buckets that this version cannot read.
    pub(crate) foreign: Vec<ForeignRecord>,
}

/// Result of a repair.
#[derive(Debug, Default)]
pub(crate) struct Repair {
    /// Number of records that were replaced, added or removed.
    pub(crate) repaired: u64,
    /// Number of records that were removed, because the server does not have them.
    pub(crate) removed: u64,
    /// Number of records that are given back to the server.
    pub(crate) offered: u64,
    /// Digest of the mirror after the repair.
    pub(crate) digest: Digest,
    /// Records that changed.
    pub(crate) changed: BTreeSet<RecordKey>,
}

impl Replica {
    /// Computes the digests of the mirror's buckets from its rows.
    pub(crate) fn local_buckets(&mut self) -> Result<LocalBuckets, ReplicaError> {
        // One transaction, so that the position and the rows belong together.
        let transaction = self.begin()?;
        let local = LocalBuckets {
            position: position(&transaction)?,
            buckets: mirror::recount(&transaction)?,
        };
        transaction.commit()?;
        Ok(local)
    }

    /// Replaces the records of some buckets with the server's; the outbox stays.
    ///
    /// Records that the server lacks are removed and given back to it. `removed_before` counts those
    /// that earlier repairs of the same sync removed. Returns `None` if another process has synced
    /// since `local` was computed.
    pub(crate) fn repair(
        &mut self,
        local: &LocalBuckets,
        remote: RemoteBuckets,
        removed_before: u64,
        options: RepairOptions<'_>,
    ) -> Result<Option<Repair>, ApplyError> {
        let transaction = self.begin()?;
        // The server's answer describes the difference to `local`. After another sync it could
        // replace newer records with older ones.
        if position(&transaction)? != local.position {
            return Ok(None);
        }
        let is_listed = |key: RecordKey| {
            remote
                .buckets
                .contains_key(&Buckets::place(key.id.as_u128()))
        };
        let here = mirror::live_rows(&transaction, is_listed)?;
        let present = mirror::count_live(&transaction)?;
        let mut here: BTreeMap<RecordKey, MirrorRow> =
            here.into_iter().map(|row| (row.key, row)).collect();
        let mut repair = Repair::default();
        let mut pairs = Vec::new();
        for record in remote.buckets.into_values().flatten() {
            let key = record.key;
            let ours = here.remove(&key);
            if ours.as_ref().map(MirrorRow::digest) == Some(record.digest()) {
                continue;
            }
            // Overwrites a newer `seq` too: without a new epoch a restored server assigns the same
            // positions again, so the larger number proves nothing here.
            mirror::replace(&transaction, &record)?;
            repair.changed.insert(key);
            repair.repaired += 1;
            if let Some(ours) = ours {
                pairs.extend(pair(&ours, Some(&record))?);
            }
        }
        for record in &remote.foreign {
            record.store(&transaction, false)?;
            // The server has a record with this id, so none was lost or deleted.
            here.retain(|key, _| !record.has_id(key.id));
        }
        // The rows that are left in `here` are in a listed bucket, but not in the server's list.
        for (key, row) in here {
            mirror::remove(&transaction, key)?;
            repair.changed.insert(key);
            repair.removed += 1;
            pairs.extend(pair(&row, None)?);
        }
        repair.repaired += repair.removed;
        if !options.accept_deletions {
            // Counted over the whole sync, or many small repairs would pass the limit one by one.
            ManyDeletions::check(removed_before + repair.removed, present + removed_before)?;
        }
        let settings = account::settings(&transaction)?;
        let RepairOptions { now, ids, .. } = options;
        repair.offered = give_back::give_back(&transaction, pairs, now, ids)?;
        repair.digest = mirror::recount(&transaction)?.total();
        for &key in &repair.changed {
            view::refresh(&transaction, key, &settings)?;
        }
        transaction.commit()?;
        Ok(Some(repair))
    }
}

//! Putting the replica right: what was delivered anew takes the place of what was there, and
//! single buckets are replaced by what the server has in them.

use std::collections::{BTreeMap, BTreeSet};

use kanso_domain::sync::{Buckets, Digest};
use kanso_domain::{Record, Timestamp};
use rusqlite::{Connection, Transaction};

use super::codec::key_of;
use super::delivery::{Place, Resync, place};
use super::offers::{self, Compared};
use super::row::{Row, Table};
use super::{Key, Replica, ReplicaError, account, base, outbox, shown};
use crate::clock::Ids;

/// Many records at once that the server does not have any more. Nothing was removed: a person is
/// asked first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server does not have {missing} of the {present} records any more that are here")]
pub struct ManyDeletions {
    /// How many records would be removed here.
    pub missing: u64,
    /// How many there are.
    pub present: u64,
}

/// So many records may disappear without a question, however few there are.
const FEW: u64 = 50;
/// Of more than these, one in five.
const SHARE: u64 = 5;

impl ManyDeletions {
    pub(super) fn check(missing: u64, present: u64) -> Result<(), Self> {
        if missing > FEW.max(present / SHARE) {
            return Err(Self { missing, present });
        }
        Ok(())
    }
}

/// What keeps a replica from being changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Hindered {
    #[error(transparent)]
    ManyDeletions(#[from] ManyDeletions),
    #[error(transparent)]
    Replica(#[from] ReplicaError),
}

impl From<rusqlite::Error> for Hindered {
    fn from(error: rusqlite::Error) -> Self {
        Self::Replica(error.into())
    }
}

/// What lets a device change much of what it has.
#[derive(Clone, Copy)]
pub(crate) struct Terms<'a> {
    /// A person has said that many records may be removed.
    pub(crate) accept_deletions: bool,
    pub(crate) now: Timestamp,
    pub(crate) ids: &'a dyn Ids,
}

/// What was put aside takes the place of everything. Answers with how many records are offered to
/// the server, which lost them.
pub(super) fn swap(
    transaction: &Transaction<'_>,
    why: Resync,
    terms: Terms<'_>,
) -> Result<u64, Hindered> {
    base::drop_staged_orphans(transaction)?;
    let compared = if why == Resync::HistoryLost {
        compared_with_staged(transaction)?
    } else {
        Vec::new()
    };
    if !terms.accept_deletions {
        let is_offered = |pair: &&Compared| pair.theirs.is_none();
        let offered = compared.iter().filter(is_offered).count() as u64;
        let missing = count_missing(transaction)?.saturating_sub(offered);
        ManyDeletions::check(missing, base::count_live(transaction)?)?;
    }
    base::swap(transaction)?;
    base::recount(transaction)?;
    let settings = account::settings(transaction)?;
    let Terms { now, ids, .. } = terms;
    Ok(offers::offer(transaction, compared, &settings, now, ids)?)
}

fn count_missing(connection: &Connection) -> Result<u64, ReplicaError> {
    let sql = "SELECT count(*) FROM base
               WHERE is_live = 1 AND NOT EXISTS (
                   SELECT 1 FROM staged
                   WHERE staged.entity = base.entity AND staged.id = base.id AND staged.is_live)";
    let count: i64 = connection
        .prepare_cached(sql)?
        .query_row([], |row| row.get(0))?;
    Ok(count.cast_unsigned())
}

/// The records that the server lacks or has in an older version, and those that wait for it.
fn compared_with_staged(connection: &Connection) -> Result<Vec<Compared>, ReplicaError> {
    let mut statement = connection.prepare(
        "SELECT base.entity, base.id FROM base LEFT JOIN staged USING (entity, id)
         WHERE base.is_live = 1 AND (staged.id IS NULL OR staged.version < base.version)",
    )?;
    let lost = outbox::read_keys(&mut statement.query([])?)?;
    let mut keys: BTreeSet<Key> = lost.into_iter().collect();
    keys.extend(outbox::keys(connection)?);
    let mut compared = Vec::new();
    for key in keys {
        let Some(ours) = base::row(connection, Table::Base, key)? else {
            continue;
        };
        let theirs = base::row(connection, Table::Staged, key)?;
        let theirs = theirs.map(|row| row.record()).transpose()?;
        compared.extend(compare(&ours, theirs)?);
    }
    Ok(compared)
}

/// What is damaged or was deleted is not offered to anybody.
fn compare(ours: &Row, theirs: Option<Record>) -> Result<Option<Compared>, ReplicaError> {
    if !ours.is_live || !ours.is_intact() {
        return Ok(None);
    }
    let ours = ours.record()?;
    Ok(Some(Compared { ours, theirs }))
}

/// What the replica held when it was compared with the server.
#[derive(Debug)]
pub(crate) struct Held {
    place: Place,
    pub(crate) buckets: Buckets,
}

/// What the server has in some of the buckets.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) buckets: BTreeMap<u8, Vec<Record>>,
}

/// What putting buckets right did.
#[derive(Debug, Default)]
pub(crate) struct PutRight {
    /// Records that were wrong, too many or missing.
    pub(crate) repaired: u64,
    /// Records that were removed: the server does not have them.
    pub(crate) removed: u64,
    /// Records that are offered to the server, which lost them.
    pub(crate) offered: u64,
    /// What the replica holds now.
    pub(crate) digest: Digest,
    /// The records that changed.
    pub(crate) changed: BTreeSet<Key>,
}

impl Replica {
    /// What the replica holds, counted anew.
    pub(crate) fn held(&mut self) -> Result<Held, ReplicaError> {
        let transaction = self.begin()?;
        let held = Held {
            place: place(&transaction)?,
            buckets: base::recount(&transaction)?,
        };
        transaction.commit()?;
        Ok(held)
    }

    /// Puts what the server has in some buckets in the place of what is here; the outbox stays.
    /// What the server lacks is offered to it: what another device deleted it knows, and says so.
    /// `None` when another process has synced since the replica was counted.
    pub(crate) fn put_right(
        &mut self,
        held: &Held,
        stored: Stored,
        removed_before: u64,
        terms: Terms<'_>,
    ) -> Result<Option<PutRight>, Hindered> {
        let transaction = self.begin()?;
        if place(&transaction)? != held.place {
            return Ok(None);
        }
        let is_listed = |key: Key| {
            stored
                .buckets
                .contains_key(&Buckets::place(key.id.as_u128()))
        };
        let here = base::live_rows(&transaction, is_listed)?;
        let present = base::count_live(&transaction)?;
        let mut here: BTreeMap<Key, Row> = here.into_iter().map(|row| (row.key, row)).collect();
        let mut done = PutRight::default();
        let mut compared = Vec::new();
        for record in stored.buckets.into_values().flatten() {
            let key = key_of(&record);
            let ours = here.remove(&key);
            if ours.as_ref().map(Row::digest) == Some(Digest::of_record(&record)) {
                continue;
            }
            base::replace(&transaction, &record)?;
            done.changed.insert(key);
            done.repaired += 1;
            if let Some(ours) = ours {
                compared.extend(compare(&ours, Some(record))?);
            }
        }
        for (key, row) in here {
            base::remove(&transaction, key)?;
            done.changed.insert(key);
            done.removed += 1;
            compared.extend(compare(&row, None)?);
        }
        done.repaired += done.removed;
        if !terms.accept_deletions {
            ManyDeletions::check(removed_before + done.removed, present + removed_before)?;
        }
        let settings = account::settings(&transaction)?;
        let Terms { now, ids, .. } = terms;
        done.offered = offers::offer(&transaction, compared, &settings, now, ids)?;
        done.digest = base::recount(&transaction)?.total();
        for &key in &done.changed {
            shown::refresh(&transaction, key, &settings)?;
        }
        transaction.commit()?;
        Ok(Some(done))
    }
}

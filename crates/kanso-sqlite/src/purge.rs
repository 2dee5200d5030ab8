//! The port for purging expired data.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use kanso_application::ports::housekeeping::{PurgeStore, TextsToErase};
use kanso_application::ports::storage::StorageError;
use kanso_domain::sync::{Counts, Usage};
use kanso_domain::{EntryId, HabitId, Seq, Timestamp, UserId};
use rusqlite::{Connection, Row, params};

use crate::columns::{Bound, Column, Columns};
use crate::error::DatabaseError;
use crate::purged::{self, RecordKey};
use crate::statements::prepare;
use crate::writer::WriteCost;
use crate::{SqliteStorage, entries, erased_texts, erasure, events, habits, usage};

/// Selects at most ?2 tombstones of a table that are older than ?1 and that every device seen since
/// ?1 has already read. Older devices get a full resync, so they need no tombstone.
macro_rules! purgeable {
    ($table:literal) => {
        concat!(
            "SELECT user_id, id, seq, updated_at FROM ",
            $table,
            " AS tombstone WHERE deleted_at IS NOT NULL AND deleted_at < ?1
                 AND NOT EXISTS (SELECT 1 FROM devices
                                 WHERE devices.user_id = tombstone.user_id
                                   AND devices.last_seen_at >= ?1
                                   AND devices.position < tombstone.seq)
               ORDER BY deleted_at LIMIT ?2"
        )
    };
}

#[async_trait]
impl PurgeStore for SqliteStorage {
    async fn purge_receipts(&self, before: Timestamp, limit: u32) -> Result<u32, StorageError> {
        self.change(move |connection| receipts(connection, before, limit))
            .await
    }

    async fn purge_tombstones(&self, before: Timestamp, limit: u32) -> Result<u32, StorageError> {
        self.change(move |connection| tombstones(connection, before, limit))
            .await
    }

    async fn texts_to_erase(
        &self,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<TextsToErase>, StorageError> {
        let read = move |connection: &Connection| erased_texts::find(connection, before, limit);
        Ok(self.readers.run(read).await?)
    }

    async fn purge_events(&self, before: Timestamp, limit: u32) -> Result<u32, StorageError> {
        self.change(move |connection| events::purge(connection, before, limit))
            .await
    }

    async fn erase_accounts(&self, limit: u32) -> Result<u32, StorageError> {
        let step = move |connection: &Connection| erasure::erase(connection, limit);
        // The cost keeps a batch with this step short.
        let cost = WriteCost::Records(limit.try_into().unwrap_or(usize::MAX));
        let erased = self.writer.run(cost, step).await?;
        if erased.is_last {
            self.has_erased.store(true, Ordering::Relaxed);
        }
        // Taken first: a write that erases something meanwhile sets it again.
        if self.has_erased.swap(false, Ordering::Relaxed) {
            // `secure_delete` overwrites the rows in the database. The write-ahead log still has the pages
            // from before. If this fails, the next step tries again, although no account is left.
            let emptied = self.writer.run(WriteCost::Erasure, |_| Ok(())).await;
            emptied.inspect_err(|_| self.has_erased.store(true, Ordering::Relaxed))?;
        }
        Ok(erased.rows)
    }
}

/// Deletes old receipts, at most `limit` at a time: the other writes wait behind this one.
fn receipts(connection: &Connection, before: Timestamp, limit: u32) -> Result<u32, DatabaseError> {
    let mut statement = prepare(
        connection,
        "DELETE FROM receipts WHERE (user_id, op_id) IN (
             SELECT user_id, op_id FROM receipts WHERE created_at < ?1
             ORDER BY created_at, user_id, op_id LIMIT ?2)
         RETURNING user_id, outcome = 'rejected'",
    )?;
    let read = |row: &Row<'_>| {
        let mut columns = Columns::of(row);
        let user: UserId = columns.take()?;
        let one = Counts {
            receipts: 1,
            rejections: columns.take()?,
            ..Counts::default()
        };
        Ok((user, one.usage()))
    };
    let (mut purged, mut usages) = (0, BTreeMap::new());
    for row in statement.query_map(params![Bound(&before), limit], read)? {
        let (user, usage) = row?;
        *usages.entry(user).or_insert(Usage::NONE) += usage;
        purged += 1;
    }
    for (user, usage) in usages {
        usage::release(connection, user, usage)?;
    }
    Ok(purged)
}

fn tombstones(
    connection: &Connection,
    before: Timestamp,
    limit: u32,
) -> Result<u32, DatabaseError> {
    let old_habits: Vec<Tombstone<HabitId>> =
        purgeable(connection, purgeable!("habits"), before, limit)?;
    for tombstone in &old_habits {
        // The entries are not recorded as purged: an operation on them is refused because of the habit.
        let (user, habit) = (tombstone.user, &tombstone.id);
        let stored = habits::find(connection, user, *habit)?;
        let stored = stored.as_ref().map(Usage::of_habit);
        let of_entries = usage::count_entries(connection, user, *habit)?;
        usage::release(connection, user, of_entries + stored.unwrap_or(Usage::NONE))?;
        prepare(
            connection,
            "DELETE FROM entries WHERE user_id = ?1 AND habit_id = ?2",
        )?
        .execute(params![Bound(&user), Bound(habit)])?;
        prepare(
            connection,
            "DELETE FROM habits WHERE user_id = ?1 AND id = ?2",
        )?
        .execute(params![Bound(&user), Bound(habit)])?;
        record_purge(connection, tombstone)?;
    }
    let purged = u32::try_from(old_habits.len()).unwrap_or(u32::MAX);
    let left = limit.saturating_sub(purged);
    let old_entries: Vec<Tombstone<EntryId>> =
        purgeable(connection, purgeable!("entries"), before, left)?;
    for tombstone in &old_entries {
        if let Some(stored) = entries::find(connection, tombstone.user, tombstone.id)? {
            usage::release(connection, tombstone.user, Usage::of_entry(&stored))?;
        }
        prepare(
            connection,
            "DELETE FROM entries WHERE user_id = ?1 AND id = ?2",
        )?
        .execute(params![Bound(&tombstone.user), Bound(&tombstone.id)])?;
        record_purge(connection, tombstone)?;
    }
    Ok(purged.saturating_add(u32::try_from(old_entries.len()).unwrap_or(u32::MAX)))
}

/// A tombstone to purge.
struct Tombstone<K> {
    user: UserId,
    id: K,
    seq: Seq,
    at: Timestamp,
}

fn purgeable<K: Column>(
    connection: &Connection,
    sql: &'static str,
    before: Timestamp,
    limit: u32,
) -> Result<Vec<Tombstone<K>>, DatabaseError> {
    let mut statement = prepare(connection, sql)?;
    let read = |row: &Row<'_>| {
        let mut columns = Columns::of(row);
        Ok(Tombstone {
            user: columns.take()?,
            id: columns.take()?,
            seq: columns.take()?,
            at: columns.take()?,
        })
    };
    let rows = statement.query_map(params![Bound(&before), limit], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Records the id as purged and raises the floor of the history to it.
fn record_purge<K: RecordKey>(
    connection: &Connection,
    tombstone: &Tombstone<K>,
) -> Result<(), DatabaseError> {
    purged::insert(connection, tombstone.user, &tombstone.id)?;
    prepare(
        connection,
        "UPDATE users SET floor_seq = ?2, floor_at = ?3 WHERE user_id = ?1 AND floor_seq < ?2",
    )?
    .execute(params![
        Bound(&tombstone.user),
        Bound(&tombstone.seq),
        Bound(&tombstone.at)
    ])?;
    Ok(())
}

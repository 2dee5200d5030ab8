//! The port for purging expired data.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use futures::FutureExt as _;
use kanso_application::ports::housekeeping::{PurgeStore, TextsToErase};
use kanso_application::ports::storage::StorageError;
use kanso_domain::sync::{Counts, Usage};
use kanso_domain::{Seq, Timestamp, UserId};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::PostgresStorage;
use crate::columns::{Columns, bind, only};
use crate::connection::Connection;
use crate::error::DatabaseError;
use crate::{erased_texts, erasure, events, usage};

#[async_trait]
impl PurgeStore for PostgresStorage {
    async fn purge_receipts(&self, before: Timestamp, limit: u32) -> Result<u32, StorageError> {
        self.change((before, limit), |connection, (before, limit)| {
            receipts(connection, *before, *limit).boxed()
        })
        .await
    }

    async fn purge_tombstones(&self, before: Timestamp, limit: u32) -> Result<u32, StorageError> {
        self.change((before, limit), |connection, (before, limit)| {
            tombstones(connection, *before, *limit).boxed()
        })
        .await
    }

    async fn texts_to_erase(
        &self,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<TextsToErase>, StorageError> {
        self.read((before, limit), |connection, (before, limit)| {
            erased_texts::find(connection, *before, *limit).boxed()
        })
        .await
    }

    async fn purge_events(&self, before: Timestamp, limit: u32) -> Result<u32, StorageError> {
        self.change((before, limit), |connection, (before, limit)| {
            events::purge(connection, *before, *limit).boxed()
        })
        .await
    }

    async fn erase_accounts(&self, limit: u32) -> Result<u32, StorageError> {
        self.change(limit, |connection, limit| {
            erasure::erase(connection, *limit).boxed()
        })
        .await
    }
}

async fn receipts(
    connection: &Connection,
    before: Timestamp,
    limit: u32,
) -> Result<u32, DatabaseError> {
    // The users are locked in the order of a sweep and never waited for. So two sweeps cannot wait for each
    // other, and a sweep never waits for a writer.
    let sql = "WITH old AS (
                   SELECT user_id, op_id FROM receipts WHERE created_at < $1
                   ORDER BY created_at, user_id, op_id LIMIT $2 FOR UPDATE SKIP LOCKED),
               locked AS (
                   SELECT user_id FROM users WHERE user_id IN (SELECT user_id FROM old)
                   FOR UPDATE SKIP LOCKED),
               purged AS (
                   DELETE FROM receipts USING old JOIN locked USING (user_id)
                   WHERE receipts.user_id = old.user_id AND receipts.op_id = old.op_id
                   RETURNING receipts.user_id, outcome)
               SELECT user_id, count(*), count(*) FILTER (WHERE outcome = 'rejected')
               FROM purged GROUP BY user_id";
    let read = |row: &Row| {
        let mut columns = Columns::of(row);
        let user: UserId = columns.take()?;
        let counts = Counts {
            receipts: columns.take()?,
            rejections: columns.take()?,
            ..Counts::default()
        };
        Ok((user, counts))
    };
    let purged = connection.all(sql, bind![before, limit], read).await?;
    let mut pipeline = connection.pipeline();
    for (user, counts) in &purged {
        usage::release(&mut pipeline, *user, counts.usage());
    }
    pipeline.send().await?;
    let purged: u64 = purged.iter().map(|(_, counts)| counts.receipts).sum();
    Ok(u32::try_from(purged).unwrap_or(u32::MAX))
}

/// Selects at most $2 tombstones of a table that are older than $1 and that every device seen since
/// $1 has already read. Older devices get a full resync, so they need no tombstone.
macro_rules! purgeable {
    ($table:literal) => {
        concat!(
            "SELECT user_id, id, seq FROM ",
            $table,
            " AS tombstone WHERE deleted_at IS NOT NULL AND deleted_at < $1
                 AND NOT EXISTS (SELECT 1 FROM devices
                                 WHERE devices.user_id = tombstone.user_id
                                   AND devices.last_seen_at >= $1
                                   AND devices.position < tombstone.seq)
               ORDER BY deleted_at, user_id, id LIMIT $2"
        )
    };
}

/// Deletes the tombstone $2 of a user, if it still stands at $3 and no device that was seen since
/// $4 needs it; leaves a grave, and raises the floor of the history above it. Returns its figures.
macro_rules! purge_one {
    ($table:literal, $entity:literal, $columns:literal, $counts:literal, $also:literal) => {
        concat!(
            "WITH purged AS (
                 DELETE FROM ",
            $table,
            " AS tombstone
                 WHERE user_id = $1 AND id = $2 AND seq = $3 AND deleted_at IS NOT NULL
                   AND NOT EXISTS (SELECT 1 FROM devices
                                   WHERE user_id = $1 AND last_seen_at >= $4
                                     AND position < $3)",
            $also,
            " RETURNING id, seq, updated_at, ",
            $columns,
            "),
             buried AS (
                 INSERT INTO graves (user_id, id, entity)
                 SELECT $1, id, '",
            $entity,
            "' FROM purged ON CONFLICT DO NOTHING),
             raised AS (
                 UPDATE users SET floor_seq = purged.seq, floor_at = purged.updated_at
                 FROM purged WHERE user_id = $1 AND floor_seq < purged.seq)
             SELECT ",
            $counts,
            " FROM purged"
        )
    };
}

/// Deletes the entries of a habit that is about to be purged, under the same conditions. They are not
/// recorded as purged: an operation on them is refused because of the habit.
const DELETE_ENTRIES: &str = "WITH purged AS (
         DELETE FROM entries WHERE user_id = $1 AND habit_id = $2
             AND EXISTS (SELECT 1 FROM habits
                         WHERE user_id = $1 AND id = $2 AND seq = $3 AND deleted_at IS NOT NULL)
             AND NOT EXISTS (SELECT 1 FROM devices
                             WHERE user_id = $1 AND last_seen_at >= $4 AND position < $3)
         RETURNING notes)
     SELECT 0::BIGINT, 0::BIGINT, 0::BIGINT, 0::BIGINT, count(*),
         coalesce(sum(octet_length(notes)), 0)::BIGINT
     FROM purged";
const PURGE_HABIT: &str = purge_one!(
    "habits",
    "habit",
    "title, description, schedule_history, archived_spans",
    "count(*), coalesce(sum(octet_length(title) + octet_length(description)), 0)::BIGINT,
         coalesce(sum(jsonb_array_length(schedule_history)), 0)::BIGINT,
         coalesce(sum(jsonb_array_length(archived_spans)), 0)::BIGINT, 0::BIGINT, 0::BIGINT",
    // A device that is forgotten between the two statements makes only this one delete something. The
    // entries would be live again without the habit; the next purge finds it.
    " AND NOT EXISTS (SELECT 1 FROM entries WHERE user_id = $1 AND habit_id = $2)"
);
const PURGE_ENTRY: &str = purge_one!(
    "entries",
    "entry",
    "notes",
    "0::BIGINT, 0::BIGINT, 0::BIGINT, 0::BIGINT, count(*),
         coalesce(sum(octet_length(notes)), 0)::BIGINT",
    ""
);

/// Reads the figures of what one statement deleted.
fn read_counts(row: &Row) -> Result<Counts, DatabaseError> {
    let mut columns = Columns::of(row);
    Ok(Counts {
        habits: columns.take()?,
        habit_text_bytes: columns.take()?,
        schedule_versions: columns.take()?,
        archived_spans: columns.take()?,
        entries: columns.take()?,
        note_bytes: columns.take()?,
        ..Counts::default()
    })
}

/// Locks a user unless another transaction has the lock.
const LOCK_IF_FREE: &str = "SELECT user_id FROM users WHERE user_id = $1 FOR UPDATE SKIP LOCKED";

async fn tombstones(
    connection: &Connection,
    before: Timestamp,
    limit: u32,
) -> Result<u32, DatabaseError> {
    let habits = purgeable(connection, purgeable!("habits"), before, limit).await?;
    let mut purged = purge(connection, &habits, &[DELETE_ENTRIES, PURGE_HABIT], before).await?;
    let left = limit.saturating_sub(purged);
    let entries = purgeable(connection, purgeable!("entries"), before, left).await?;
    purged += purge(connection, &entries, &[PURGE_ENTRY], before).await?;
    Ok(purged)
}

/// A tombstone to purge.
struct Tombstone {
    user: UserId,
    id: Uuid,
    seq: Seq,
}

async fn purgeable(
    connection: &Connection,
    sql: &'static str,
    before: Timestamp,
    limit: u32,
) -> Result<Vec<Tombstone>, DatabaseError> {
    let read = |row: &Row| {
        let mut columns = Columns::of(row);
        Ok(Tombstone {
            user: columns.take()?,
            id: columns.take()?,
            seq: columns.take()?,
        })
    };
    connection.all(sql, bind![before, limit], read).await
}

/// Purges tombstones. Runs `statements` for each; the last one deletes the tombstone. Returns the number of
/// purged tombstones.
//
// A user whose row is locked is skipped until the next run: a sweep that waited for one writer would
// hold the locks of all users before it.
async fn purge(
    connection: &Connection,
    tombstones: &[Tombstone],
    statements: &[&'static str],
    before: Timestamp,
) -> Result<u32, DatabaseError> {
    let mut pipeline = connection.pipeline();
    pipeline.prepare_also(statements);
    let mut locks = BTreeMap::new();
    for Tombstone { user, .. } in tombstones {
        locks
            .entry(*user)
            .or_insert_with(|| pipeline.add(LOCK_IF_FREE, bind![*user]));
    }
    let answers = pipeline.send().await?;
    // A second round trip, because only now it is known which users are locked.
    let mut locked = BTreeSet::new();
    for lock in locks.into_values() {
        locked.extend(answers.all(lock, only::<UserId>)?);
    }
    let mut pipeline = connection.pipeline();
    let mut steps = Vec::new();
    for Tombstone { user, id, seq } in tombstones.iter().filter(|it| locked.contains(&it.user)) {
        let run = |sql: &&'static str| pipeline.add(sql, bind![*user, *id, *seq, before]);
        steps.push((*user, statements.iter().map(run).collect::<Vec<_>>()));
    }
    let answers = pipeline.send().await?;
    let (mut purged, mut usages) = (0_u32, BTreeMap::new());
    for (user, steps) in steps {
        let mut of_tombstone = Usage::NONE;
        for step in steps {
            of_tombstone = answers
                .first(step, read_counts)?
                .unwrap_or_default()
                .usage();
            *usages.entry(user).or_insert(Usage::NONE) += of_tombstone;
        }
        purged += u32::from(of_tombstone != Usage::NONE);
    }
    let mut pipeline = connection.pipeline();
    for (user, usage) in usages {
        usage::release(&mut pipeline, user, usage);
    }
    pipeline.send().await?;
    Ok(purged)
}

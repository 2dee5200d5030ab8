//! Usage of the users, for their quotas.

use async_trait::async_trait;
use kanso_application::ports::quota::{AccountUsage, QuotaStore};
use kanso_application::ports::storage::StorageError;
use kanso_domain::sync::{Counts, OwnQuota, Usage};
use kanso_domain::{HabitId, UserId};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::columns::{Bound, Columns};
use crate::error::DatabaseError;
use crate::statements::prepare;
use crate::{SqliteStorage, habits};

/// Columns in the order of [`read`].
macro_rules! usage_columns {
    () => {
        "stored_records, stored_bytes, quota_live_habits, quota_records, quota_bytes"
    };
}
pub(crate) use usage_columns;

/// Reads the columns of a user. The usage is `None` until it is counted.
pub(crate) fn read(columns: &mut Columns<'_, '_>) -> rusqlite::Result<(Option<Usage>, OwnQuota)> {
    let (records, bytes): (Option<u64>, Option<u64>) = (columns.take()?, columns.take()?);
    let usage = records.zip(bytes);
    let own = OwnQuota {
        live_habits: columns.take()?,
        records: columns.take()?,
        bytes: columns.take()?,
    };
    Ok((usage.map(|(records, bytes)| Usage { records, bytes }), own))
}

#[async_trait]
impl QuotaStore for SqliteStorage {
    async fn usage(&self, user: UserId) -> Result<Option<AccountUsage>, StorageError> {
        let read = move |connection: &Connection| of_account(connection, user);
        // An account that is not counted yet is read as a whole.
        Ok(self.readers.run(read).await?)
    }

    async fn set_own_quota(&self, user: UserId, own: OwnQuota) -> Result<bool, StorageError> {
        self.change(move |connection| {
            let changed = prepare(
                connection,
                "UPDATE users SET quota_live_habits = ?2, quota_records = ?3, quota_bytes = ?4
                 WHERE user_id = ?1 AND is_deleted = 0",
            )?
            .execute(params![
                Bound(&user),
                Bound(&own.live_habits),
                Bound(&own.records),
                Bound(&own.bytes)
            ])?;
            Ok(changed > 0)
        })
        .await
    }
}

fn of_account(
    connection: &Connection,
    user: UserId,
) -> Result<Option<AccountUsage>, DatabaseError> {
    let mut statement = prepare(
        connection,
        concat!(
            "SELECT ",
            usage_columns!(),
            " FROM users WHERE user_id = ?1 AND is_deleted = 0"
        ),
    )?;
    let read = |row: &Row<'_>| read(&mut Columns::of(row));
    let Some((usage, own_quota)) = statement.query_row([Bound(&user)], read).optional()? else {
        return Ok(None);
    };
    Ok(Some(AccountUsage {
        live_habits: habits::count_live(connection, user)?,
        usage: usage.map_or_else(|| count(connection, user), Ok)?,
        own_quota,
    }))
}

/// Counts everything that a user stores.
pub(crate) fn count(connection: &Connection, user: UserId) -> Result<Usage, DatabaseError> {
    let of_habits = |row: &Row<'_>| {
        let mut columns = Columns::of(row);
        Ok(Counts {
            habits: columns.take()?,
            habit_text_bytes: columns.take()?,
            schedule_versions: columns.take()?,
            archived_spans: columns.take()?,
            ..Counts::default()
        })
    };
    let of_receipts = |row: &Row<'_>| {
        let mut columns = Columns::of(row);
        Ok(Counts {
            receipts: columns.take()?,
            rejections: columns.take()?,
            ..Counts::default()
        })
    };
    let habits: Counts = prepare(
        connection,
        "SELECT count(*), coalesce(sum(octet_length(title) + octet_length(description)), 0),
             coalesce(sum(json_array_length(schedule_history)), 0),
             coalesce(sum(json_array_length(archived_spans)), 0)
         FROM habits WHERE user_id = ?1",
    )?
    .query_row([Bound(&user)], of_habits)?;
    let entries = prepare(
        connection,
        "SELECT count(*), coalesce(sum(octet_length(notes)), 0) FROM entries WHERE user_id = ?1",
    )?
    .query_row([Bound(&user)], of_entries)?;
    let receipts: Counts = prepare(
        connection,
        "SELECT count(*), coalesce(sum(outcome = 'rejected'), 0) FROM receipts WHERE user_id = ?1",
    )?
    .query_row([Bound(&user)], of_receipts)?;
    Ok(habits.usage() + entries.usage() + receipts.usage())
}

/// Counts everything that a user stores, and stores the figures.
pub(crate) fn counted(connection: &Connection, user: UserId) -> Result<Usage, DatabaseError> {
    let usage = count(connection, user)?;
    // At once: a write that changes nothing would count again.
    set(connection, user, usage)?;
    Ok(usage)
}

/// Counts the entries of a habit, tombstones included.
pub(crate) fn count_entries(
    connection: &Connection,
    user: UserId,
    habit: HabitId,
) -> Result<Usage, DatabaseError> {
    let mut statement = prepare(
        connection,
        "SELECT count(*), coalesce(sum(octet_length(notes)), 0)
         FROM entries WHERE user_id = ?1 AND habit_id = ?2",
    )?;
    let counts = statement.query_row(params![Bound(&user), Bound(&habit)], of_entries)?;
    Ok(counts.usage())
}

fn of_entries(row: &Row<'_>) -> rusqlite::Result<Counts> {
    let mut columns = Columns::of(row);
    Ok(Counts {
        entries: columns.take()?,
        note_bytes: columns.take()?,
        ..Counts::default()
    })
}

/// Stores what a user stores after a write.
pub(crate) fn set(
    connection: &Connection,
    user: UserId,
    usage: Usage,
) -> Result<(), DatabaseError> {
    prepare(
        connection,
        "UPDATE users SET stored_records = ?2, stored_bytes = ?3 WHERE user_id = ?1",
    )?
    .execute(params![
        Bound(&user),
        Bound(&usage.records),
        Bound(&usage.bytes)
    ])?;
    Ok(())
}

/// Subtracts what was purged. A usage that is not counted yet stays so.
pub(crate) fn release(
    connection: &Connection,
    user: UserId,
    purged: Usage,
) -> Result<(), DatabaseError> {
    prepare(
        connection,
        "UPDATE users SET stored_records = max(0, stored_records - ?2),
             stored_bytes = max(0, stored_bytes - ?3)
         WHERE user_id = ?1",
    )?
    .execute(params![
        Bound(&user),
        Bound(&purged.records),
        Bound(&purged.bytes)
    ])?;
    Ok(())
}

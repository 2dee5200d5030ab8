//! Pages of a user's history.

use kanso_application::ports::storage::{DeltaQuery, Scope};
use kanso_domain::accounts::SettingsRecord;
use kanso_domain::sync::{Epoch, Page, Since};
use kanso_domain::{Record, Seq, UserId};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::columns::{Bound, only};
use crate::entries::{NO_LIMIT, entry_columns};
use crate::error::DatabaseError;
use crate::habits::habit_columns;
use crate::statements::prepare;
use crate::{entries, habits, users};

/// Reads a page of a user's history; `None` if there is no such account.
///
/// `connection` is in a transaction, so the records match the head.
pub(crate) fn read(
    connection: &Connection,
    epoch: Epoch,
    user: UserId,
    query: DeltaQuery,
) -> Result<Option<Page>, DatabaseError> {
    let Some(head) = users::head(connection, epoch, user)? else {
        return Ok(None);
    };
    let mut records = Vec::new();
    let mut total = 0;
    // A first pull has nothing to delete, so tombstones up to its beginning are left out. Later ones
    // are sent: they may delete a record that an earlier page of the same pull has delivered.
    let first_pull = match query.since {
        Since::Beginning => Some(head.seq),
        Since::FirstPull { began, .. } => Some(began),
        Since::Position(_) | Since::Instant(_) => None,
    };
    for table in tables(query.scope) {
        let after = table.position(connection, user, query.since)?;
        let reader = DeltaReader {
            connection,
            user,
            after,
            live_until: first_pull.unwrap_or(Seq::ZERO),
        };
        let read = table.records(&reader, query.limit, &mut records)?;
        total += match query.limit {
            Some(limit) if read >= u64::from(limit) => (table.count)(&reader)?,
            Some(_) | None => read,
        };
    }
    // Each table returned its own first `limit` records, so the first `limit` of both are among
    // them. Positions are unique to a user, so the order is total.
    records.sort_unstable_by_key(|record| record.stamp().seq);
    if let Some(limit) = query.limit {
        records.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    }
    let settings = match query.scope {
        Scope::Everything => changed_settings(connection, user, query.since)?,
        Scope::Habits | Scope::Entries => None,
    };
    let remaining = total - records.len() as u64;
    Ok(Some(Page::new(
        records, settings, head, remaining, first_pull,
    )))
}

fn changed_settings(
    connection: &Connection,
    user: UserId,
    since: Since,
) -> Result<Option<SettingsRecord>, DatabaseError> {
    let settings = users::settings_record(connection, user)?;
    Ok(settings.filter(|settings| match since {
        Since::Beginning => true,
        Since::Position(after) | Since::FirstPull { after, .. } => settings.seq > after,
        Since::Instant(instant) => settings.updated_at > instant,
    }))
}

/// Reads the changes of a user after a position.
struct DeltaReader<'c> {
    connection: &'c Connection,
    user: UserId,
    after: Seq,
    /// Tombstones up to this position are left out.
    live_until: Seq,
}

/// The statements of a synced table.
struct SyncedTable {
    /// Newest position at or before an instant (?2).
    //
    // `seq` and `updated_at` rise together, so the walk down the index on `seq` reads only the rows
    // that the delta sends, and one more. No index on `updated_at` is needed.
    position: &'static str,
    count: fn(&DeltaReader<'_>) -> Result<u64, DatabaseError>,
    /// Changes after a position (?2), without tombstones up to another one (?3), at most ?4.
    records: &'static str,
    read: fn(&Row<'_>) -> rusqlite::Result<Record>,
}

const fn tables(scope: Scope) -> &'static [SyncedTable] {
    match scope {
        Scope::Everything => &[HABITS, ENTRIES],
        Scope::Habits => &[HABITS],
        Scope::Entries => &[ENTRIES],
    }
}

macro_rules! habits_changed {
    () => {
        " FROM habits WHERE user_id = ?1 AND seq > ?2 AND (seq > ?3 OR deleted_at IS NULL)"
    };
}

const HABITS: SyncedTable = SyncedTable {
    position: "SELECT seq FROM habits WHERE user_id = ?1 AND updated_at <= ?2
               ORDER BY seq DESC LIMIT 1",
    count: |reader| reader.count(concat!("SELECT count(*)", habits_changed!())),
    records: concat!(
        "SELECT ",
        habit_columns!(),
        habits_changed!(),
        " ORDER BY seq LIMIT ?4"
    ),
    read: |row| habits::read(row).map(Record::Habit),
};

// An entry of a deleted habit is left out unless it has its own tombstone: the tombstone of the habit
// covers its live entries, and a device deletes them with it.
macro_rules! entries_changed {
    () => {
        " FROM entries WHERE user_id = ?1 AND seq > ?2 AND (seq > ?3 OR deleted_at IS NULL)
           AND (deleted_at IS NOT NULL
                OR habit_id NOT IN (SELECT id FROM habits
                                    WHERE user_id = ?1 AND deleted_at IS NOT NULL))"
    };
}

const ENTRIES: SyncedTable = SyncedTable {
    position: "SELECT seq FROM entries WHERE user_id = ?1 AND updated_at <= ?2
               ORDER BY seq DESC LIMIT 1",
    count: count_entries,
    records: concat!(
        "SELECT ",
        entry_columns!(),
        entries_changed!(),
        " ORDER BY seq LIMIT ?4"
    ),
    read: |row| entries::read(row).map(Record::Entry),
};

impl SyncedTable {
    fn position(
        &self,
        connection: &Connection,
        user: UserId,
        since: Since,
    ) -> Result<Seq, DatabaseError> {
        match since {
            Since::Beginning => Ok(Seq::ZERO),
            Since::Position(seq) | Since::FirstPull { after: seq, .. } => Ok(seq),
            Since::Instant(instant) => {
                let mut statement = prepare(connection, self.position)?;
                let found = statement.query_row(params![Bound(&user), Bound(&instant)], only);
                Ok(found.optional()?.unwrap_or(Seq::ZERO))
            }
        }
    }

    /// Reads the first records, at most `limit`, and returns their number.
    fn records(
        &self,
        reader: &DeltaReader<'_>,
        limit: Option<u32>,
        into: &mut Vec<Record>,
    ) -> Result<u64, DatabaseError> {
        let mut statement = prepare(reader.connection, self.records)?;
        let rows = statement.query_map(
            params![
                Bound(&reader.user),
                Bound(&reader.after),
                Bound(&reader.live_until),
                limit.map_or(NO_LIMIT, i64::from)
            ],
            self.read,
        )?;
        let before = into.len();
        for record in rows {
            into.push(record?);
        }
        Ok((into.len() - before) as u64)
    }
}

/// Counts the changed entries, from an index alone where possible: reading each row is several times
/// slower.
fn count_entries(reader: &DeltaReader<'_>) -> Result<u64, DatabaseError> {
    if reader.after == Seq::ZERO && reader.live_until > Seq::ZERO {
        // A first pull counts the live entries. `entries_by_habit` covers exactly those, and `?2 < ?3`
        // is there only to use all parameters.
        return reader.count(
            "SELECT count(*) FROM entries INDEXED BY entries_by_habit
             WHERE user_id = ?1 AND deleted_at IS NULL AND ?2 < ?3
               AND habit_id NOT IN (SELECT id FROM habits
                                    WHERE user_id = ?1 AND deleted_at IS NOT NULL)",
        );
    }
    if reader.live_until > reader.after {
        return reader.count(concat!("SELECT count(*)", entries_changed!()));
    }
    // Without a deleted habit no entry can be covered by one, so the position alone decides, and
    // the index on it is enough.
    let mut statement = prepare(
        reader.connection,
        "SELECT 1 FROM habits WHERE user_id = ?1 AND deleted_at IS NOT NULL",
    )?;
    if statement.exists([Bound(&reader.user)])? {
        reader.count(concat!("SELECT count(*)", entries_changed!()))
    } else {
        reader.count("SELECT count(*) FROM entries WHERE user_id = ?1 AND seq > max(?2, ?3)")
    }
}

impl DeltaReader<'_> {
    /// Runs a count with the user, the position and the position up to which tombstones are left out.
    fn count(&self, sql: &'static str) -> Result<u64, DatabaseError> {
        let mut statement = prepare(self.connection, sql)?;
        let count: i64 = statement.query_row(
            params![
                Bound(&self.user),
                Bound(&self.after),
                Bound(&self.live_until)
            ],
            only,
        )?;
        Ok(count.cast_unsigned())
    }
}

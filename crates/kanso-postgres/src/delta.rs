//! Pages of a user's history.

use kanso_application::ports::storage::{DeltaQuery, Scope};
use kanso_domain::accounts::SettingsRecord;
use kanso_domain::sync::{Page, Since};
use kanso_domain::{Record, Seq, UserId};
use tokio_postgres::Row;

use crate::columns::{bind, only};
use crate::connection::Connection;
use crate::entries::entry_columns;
use crate::error::DatabaseError;
use crate::habits::habit_columns;
use crate::{entries, habits, users};

/// Reads a page of a user's history; `None` if there is no such account.
///
/// `connection` is in a snapshot, so the records match the head. Without it a change between the two
/// statements would be in the records but not below the head, and the next pull would repeat it.
pub(crate) async fn read(
    connection: &Connection,
    user: UserId,
    query: DeltaQuery,
) -> Result<Option<Page>, DatabaseError> {
    let Some(head) = users::head(connection, user).await? else {
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
        let reader = DeltaReader {
            connection,
            user,
            after: table.position(connection, user, query.since).await?,
            live_until: first_pull.unwrap_or(Seq::ZERO),
        };
        let read = reader.records(table, query.limit).await?;
        let count = read.len() as u64;
        // A second statement counts the rest, but only if the page is full.
        records.extend(read);
        total += match query.limit {
            Some(limit) if count >= u64::from(limit) => reader.count(table).await?,
            Some(_) | None => count,
        };
    }
    // Each table returned its own first `limit` records, so the first `limit` of both are among
    // them. Positions are unique to a user, so the order is total.
    records.sort_unstable_by_key(|record| record.stamp().seq);
    if let Some(limit) = query.limit {
        records.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    }
    let settings = match query.scope {
        Scope::Everything => users::settings_record(connection, user).await?,
        Scope::Habits | Scope::Entries => None,
    };
    let settings = settings.filter(|settings| changed_since(query.since, settings));
    let remaining = total - records.len() as u64;
    Ok(Some(Page::new(
        records, settings, head, remaining, first_pull,
    )))
}

/// Returns true if the settings changed after the start of a delta.
pub(crate) fn changed_since(since: Since, settings: &SettingsRecord) -> bool {
    match since {
        Since::Beginning => true,
        Since::Position(after) | Since::FirstPull { after, .. } => settings.seq > after,
        Since::Instant(instant) => settings.updated_at > instant,
    }
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
    /// Newest position at or before an instant ($2).
    //
    // `seq` and `updated_at` rise together, so the walk down the index on `seq` reads only the rows
    // that the delta sends, and one more. No index on `updated_at` is needed.
    position: &'static str,
    /// Counts the changes after a position ($2), without tombstones up to another one ($3).
    count: &'static str,
    /// The same changes, at most $4.
    records: &'static str,
    read: fn(&Row) -> Result<Record, DatabaseError>,
}

const fn tables(scope: Scope) -> &'static [SyncedTable] {
    match scope {
        Scope::Everything => &[HABITS, ENTRIES],
        Scope::Habits => &[HABITS],
        Scope::Entries => &[ENTRIES],
    }
}

/// Habits that changed after a position ($2), without tombstones up to another one.
macro_rules! habits_changed {
    ($live_until:literal) => {
        concat!(
            " FROM habits WHERE user_id = $1 AND seq > $2 AND (seq > ",
            $live_until,
            " OR deleted_at IS NULL)"
        )
    };
}
pub(crate) use habits_changed;

const HABITS: SyncedTable = SyncedTable {
    position: "SELECT seq FROM habits WHERE user_id = $1 AND updated_at <= $2
               ORDER BY seq DESC LIMIT 1",
    count: concat!("SELECT count(*)", habits_changed!("$3")),
    records: concat!(
        "SELECT ",
        habit_columns!(),
        habits_changed!("$3"),
        " ORDER BY seq LIMIT $4"
    ),
    read: |row| habits::read(row).map(Record::Habit),
};

// An entry of a deleted habit is left out unless it has its own tombstone: the tombstone of the habit
// covers its live entries, and a device deletes them with it.
macro_rules! entries_changed {
    ($live_until:literal) => {
        concat!(
            " FROM entries WHERE user_id = $1 AND seq > $2 AND (seq > ",
            $live_until,
            " OR deleted_at IS NULL)
              AND (deleted_at IS NOT NULL
                   OR habit_id NOT IN (SELECT id FROM habits
                                       WHERE user_id = $1 AND deleted_at IS NOT NULL))"
        )
    };
}
pub(crate) use entries_changed;

const ENTRIES: SyncedTable = SyncedTable {
    position: "SELECT seq FROM entries WHERE user_id = $1 AND updated_at <= $2
               ORDER BY seq DESC LIMIT 1",
    count: concat!("SELECT count(*)", entries_changed!("$3")),
    records: concat!(
        "SELECT ",
        entry_columns!(),
        entries_changed!("$3"),
        " ORDER BY seq LIMIT $4"
    ),
    read: |row| entries::read(row).map(Record::Entry),
};

impl SyncedTable {
    async fn position(
        &self,
        connection: &Connection,
        user: UserId,
        since: Since,
    ) -> Result<Seq, DatabaseError> {
        match since {
            Since::Beginning => Ok(Seq::ZERO),
            Since::Position(seq) | Since::FirstPull { after: seq, .. } => Ok(seq),
            Since::Instant(instant) => {
                let values = bind![user, instant];
                let found = connection.first(self.position, values, only).await?;
                Ok(found.unwrap_or(Seq::ZERO))
            }
        }
    }
}

impl DeltaReader<'_> {
    /// Returns the first records, at most `limit`.
    async fn records(
        &self,
        table: &SyncedTable,
        limit: Option<u32>,
    ) -> Result<Vec<Record>, DatabaseError> {
        // `LIMIT NULL` is no limit.
        let values = bind![self.user, self.after, self.live_until, limit];
        self.connection.all(table.records, values, table.read).await
    }

    async fn count(&self, table: &SyncedTable) -> Result<u64, DatabaseError> {
        let values = bind![self.user, self.after, self.live_until];
        let count = self.connection.first(table.count, values, only::<i64>);
        Ok(count.await?.unwrap_or_default().cast_unsigned())
    }
}

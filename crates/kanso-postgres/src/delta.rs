//! What changed.

use kanso_application::ports::storage::{DeltaQuery, Scope};
use kanso_domain::accounts::SettingsRecord;
use kanso_domain::sync::{Page, Since};
use kanso_domain::{Record, Seq, UserId};
use tokio_postgres::Row;

use crate::columns::{bind, only};
use crate::connection::Connection;
use crate::entries::entry_columns;
use crate::error::Failure;
use crate::habits::habit_columns;
use crate::{entries, habits, users};

/// A page of a user's history; `None` when there is no such account.
///
/// `connection` is in a transaction that sees one state, so the head and the records are of it.
pub(crate) async fn read(
    connection: &Connection,
    user: UserId,
    query: DeltaQuery,
) -> Result<Option<Page>, Failure> {
    let Some(head) = users::head(connection, user).await? else {
        return Ok(None);
    };
    let mut records = Vec::new();
    let mut total = 0;
    // Tombstones up to here are of no use to the reader.
    let first_pull = match query.since {
        Since::Beginning => Some(head.seq),
        Since::FirstPull { began, .. } => Some(began),
        Since::Position(_) | Since::Instant(_) => None,
    };
    for table in tables(query.scope) {
        let changes = Changes {
            connection,
            user,
            after: table.position(connection, user, query.since).await?,
            live_until: first_pull.unwrap_or(Seq::ZERO),
        };
        let read = changes.records(table, query.limit).await?;
        let count = read.len() as u64;
        records.extend(read);
        total += match query.limit {
            Some(limit) if count >= u64::from(limit) => changes.count(table).await?,
            Some(_) | None => count,
        };
    }
    records.sort_unstable_by_key(|record| record.stamp().seq);
    if let Some(limit) = query.limit {
        records.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    }
    let settings = match query.scope {
        Scope::Everything => changed_settings(connection, user, query.since).await?,
        Scope::Habits | Scope::Entries => None,
    };
    let remaining = total - records.len() as u64;
    Ok(Some(Page::new(
        records, settings, head, remaining, first_pull,
    )))
}

async fn changed_settings(
    connection: &Connection,
    user: UserId,
    since: Since,
) -> Result<Option<SettingsRecord>, Failure> {
    let settings = users::settings_record(connection, user).await?;
    Ok(settings.filter(|settings| match since {
        Since::Beginning => true,
        Since::Position(after) | Since::FirstPull { after, .. } => settings.seq > after,
        Since::Instant(instant) => settings.updated_at > instant,
    }))
}

/// The changes of a user after a position.
struct Changes<'c> {
    connection: &'c Connection,
    user: UserId,
    after: Seq,
    /// Tombstones up to here are left out.
    live_until: Seq,
}

/// A table whose rows are synced.
struct Table {
    /// By user: the newest position at or before an instant. Positions and instants rise
    /// together, so this looks at no more rows than there are to be sent, and one.
    position: &'static str,
    /// By user, position, and up to where to leave out tombstones.
    count: &'static str,
    /// The same, and a limit.
    records: &'static str,
    read: fn(&Row) -> Result<Record, Failure>,
}

const fn tables(scope: Scope) -> &'static [Table] {
    match scope {
        Scope::Everything => &[HABITS, ENTRIES],
        Scope::Habits => &[HABITS],
        Scope::Entries => &[ENTRIES],
    }
}

macro_rules! habits_changed {
    () => {
        " FROM habits WHERE user_id = $1 AND seq > $2 AND (seq > $3 OR deleted_at IS NULL)"
    };
}

const HABITS: Table = Table {
    position: "SELECT seq FROM habits WHERE user_id = $1 AND updated_at <= $2
               ORDER BY seq DESC LIMIT 1",
    count: concat!("SELECT count(*)", habits_changed!()),
    records: concat!(
        "SELECT ",
        habit_columns!(),
        habits_changed!(),
        " ORDER BY seq LIMIT $4"
    ),
    read: |row| habits::read(row).map(Record::Habit),
};

macro_rules! entries_changed {
    () => {
        " FROM entries WHERE user_id = $1 AND seq > $2 AND (seq > $3 OR deleted_at IS NULL)
           AND (deleted_at IS NOT NULL
                OR habit_id NOT IN (SELECT id FROM habits
                                    WHERE user_id = $1 AND deleted_at IS NOT NULL))"
    };
}

const ENTRIES: Table = Table {
    position: "SELECT seq FROM entries WHERE user_id = $1 AND updated_at <= $2
               ORDER BY seq DESC LIMIT 1",
    count: concat!("SELECT count(*)", entries_changed!()),
    records: concat!(
        "SELECT ",
        entry_columns!(),
        entries_changed!(),
        " ORDER BY seq LIMIT $4"
    ),
    read: |row| entries::read(row).map(Record::Entry),
};

impl Table {
    async fn position(
        &self,
        connection: &Connection,
        user: UserId,
        since: Since,
    ) -> Result<Seq, Failure> {
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

impl Changes<'_> {
    /// At most `limit` records, the first ones.
    async fn records(&self, table: &Table, limit: Option<u32>) -> Result<Vec<Record>, Failure> {
        // LIMIT NULL is none.
        let values = bind![self.user, self.after, self.live_until, limit];
        self.connection.all(table.records, values, table.read).await
    }

    async fn count(&self, table: &Table) -> Result<u64, Failure> {
        let values = bind![self.user, self.after, self.live_until];
        let count = self.connection.first(table.count, values, only::<i64>);
        Ok(count.await?.unwrap_or_default().cast_unsigned())
    }
}

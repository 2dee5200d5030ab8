//! What changed.

use kanso_application::ports::storage::{DeltaQuery, Scope};
use kanso_domain::accounts::SettingsRecord;
use kanso_domain::sync::{Epoch, Page, Since};
use kanso_domain::{Record, Seq, UserId};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::columns::{Bound, only};
use crate::entries::entry_columns;
use crate::error::Failure;
use crate::habits::habit_columns;
use crate::statements::prepare;
use crate::{entries, habits, users};

/// A page of a user's history; `None` when there is no such account.
///
/// `connection` is in a transaction, so the head, which is read first, and the records are of
/// one state.
pub(crate) fn read(
    connection: &Connection,
    epoch: Epoch,
    user: UserId,
    query: DeltaQuery,
) -> Result<Option<Page>, Failure> {
    let Some(head) = users::head(connection, epoch, user)? else {
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
        let after = table.position(connection, user, query.since)?;
        let changes = Changes {
            connection,
            user,
            after,
            live_until: first_pull.unwrap_or(Seq::ZERO),
        };
        let read = table.records(&changes, query.limit, &mut records)?;
        total += match query.limit {
            Some(limit) if read >= u64::from(limit) => (table.count)(&changes)?,
            Some(_) | None => read,
        };
    }
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
) -> Result<Option<SettingsRecord>, Failure> {
    let settings = users::settings_record(connection, user)?;
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
    count: fn(&Changes<'_>) -> Result<u64, Failure>,
    /// By user, position, up to where to leave out tombstones, and a limit.
    records: &'static str,
    read: fn(&Row<'_>) -> rusqlite::Result<Record>,
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
        " FROM habits WHERE user_id = ?1 AND seq > ?2 AND (seq > ?3 OR deleted_at IS NULL)"
    };
}

const HABITS: Table = Table {
    position: "SELECT seq FROM habits WHERE user_id = ?1 AND updated_at <= ?2
               ORDER BY seq DESC LIMIT 1",
    count: |changes| changes.count(concat!("SELECT count(*)", habits_changed!())),
    records: concat!(
        "SELECT ",
        habit_columns!(),
        habits_changed!(),
        " ORDER BY seq LIMIT ?4"
    ),
    read: |row| habits::read(row).map(Record::Habit),
};

macro_rules! entries_changed {
    () => {
        " FROM entries WHERE user_id = ?1 AND seq > ?2 AND (seq > ?3 OR deleted_at IS NULL)
           AND (deleted_at IS NOT NULL
                OR habit_id NOT IN (SELECT id FROM habits
                                    WHERE user_id = ?1 AND deleted_at IS NOT NULL))"
    };
}

const ENTRIES: Table = Table {
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

impl Table {
    fn position(
        &self,
        connection: &Connection,
        user: UserId,
        since: Since,
    ) -> Result<Seq, Failure> {
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

    /// Reads at most `limit` records, the first ones, and says how many there were.
    fn records(
        &self,
        changes: &Changes<'_>,
        limit: Option<u32>,
        into: &mut Vec<Record>,
    ) -> Result<u64, Failure> {
        const NO_LIMIT: i64 = -1;
        let mut statement = prepare(changes.connection, self.records)?;
        let rows = statement.query_map(
            params![
                Bound(&changes.user),
                Bound(&changes.after),
                Bound(&changes.live_until),
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

/// Counts in an index alone where that can tell, which is several times cheaper than to look at
/// each entry.
fn count_entries(changes: &Changes<'_>) -> Result<u64, Failure> {
    if changes.after == Seq::ZERO && changes.live_until > Seq::ZERO {
        return changes.count(
            "SELECT count(*) FROM entries INDEXED BY entries_by_habit
             WHERE user_id = ?1 AND deleted_at IS NULL AND ?2 < ?3
               AND habit_id NOT IN (SELECT id FROM habits
                                    WHERE user_id = ?1 AND deleted_at IS NOT NULL)",
        );
    }
    if changes.live_until > changes.after {
        return changes.count(concat!("SELECT count(*)", entries_changed!()));
    }
    let mut statement = prepare(
        changes.connection,
        "SELECT 1 FROM habits WHERE user_id = ?1 AND deleted_at IS NOT NULL",
    )?;
    if statement.exists([Bound(&changes.user)])? {
        changes.count(concat!("SELECT count(*)", entries_changed!()))
    } else {
        changes.count("SELECT count(*) FROM entries WHERE user_id = ?1 AND seq > max(?2, ?3)")
    }
}

impl Changes<'_> {
    /// Runs a count by user, position and up to where to leave out tombstones.
    fn count(&self, sql: &'static str) -> Result<u64, Failure> {
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

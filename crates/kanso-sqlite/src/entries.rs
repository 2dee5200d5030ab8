//! Rows of entries.

use kanso_application::ports::storage::{EntryFilter, EntryKey, EntryQuery};
use kanso_domain::entries::{Completion, Entry, EntryDetails};
use kanso_domain::sync::RecordWrite;
use kanso_domain::{Date, EntryId, HabitId, Timestamp, UserId};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::columns::{Bound, Columns, only};
use crate::error::DatabaseError;
use crate::habits::read_stamp;
use crate::provenance;
use crate::statements::prepare;

/// The value of `LIMIT` for no limit.
pub(crate) const NO_LIMIT: i64 = -1;

/// Columns in the order of [`read`].
macro_rules! entry_columns {
    () => {
        "id, habit_id, completion_date, completion_is_a_date, timezone, local_date, kind, value, \
         notes, seq, version, created_at, updated_at, deleted_at, field_edits, edited_by"
    };
}
pub(crate) use entry_columns;

pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let mut columns = Columns::of(row);
    let id = columns.take()?;
    let details = EntryDetails {
        habit_id: columns.take()?,
        completion: read_completion(&mut columns)?,
        timezone: columns.take()?,
        local_date: columns.take()?,
        kind: columns.take()?,
        value: columns.take()?,
        notes: columns.take()?,
    };
    let stamp = read_stamp(&mut columns)?;
    Ok(Entry {
        id,
        details,
        provenance: provenance::read(&mut columns, &stamp)?,
        stamp,
    })
}

pub(crate) fn read_completion(columns: &mut Columns<'_, '_>) -> rusqlite::Result<Completion> {
    let instant: Timestamp = columns.take()?;
    let is_a_date = columns.take()?;
    Ok(if is_a_date {
        Completion::Day(instant.utc_date())
    } else {
        Completion::At(instant)
    })
}

/// Returns an entry, also a tombstone and an entry of a deleted habit.
pub(crate) fn find(
    connection: &Connection,
    user: UserId,
    id: EntryId,
) -> Result<Option<Entry>, DatabaseError> {
    let mut statement = prepare(
        connection,
        concat!(
            "SELECT ",
            entry_columns!(),
            " FROM entries WHERE user_id = ?1 AND id = ?2"
        ),
    )?;
    let found = statement.query_row(params![Bound(&user), Bound(&id)], read);
    Ok(found.optional()?)
}

/// Returns the live entries of a habit. The habit may be deleted: reviving it needs its entries.
pub(crate) fn live_of(
    connection: &Connection,
    user: UserId,
    habit: HabitId,
) -> Result<Vec<Entry>, DatabaseError> {
    let mut statement = prepare(
        connection,
        concat!(
            "SELECT ",
            entry_columns!(),
            " FROM entries INDEXED BY entries_by_habit
              WHERE user_id = ?1 AND habit_id = ?2 AND deleted_at IS NULL"
        ),
    )?;
    let rows = statement.query_map(params![Bound(&user), Bound(&habit)], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Returns the day of the first live entry of a habit. The habit may be deleted.
pub(crate) fn first_day_of(
    connection: &Connection,
    user: UserId,
    habit: HabitId,
) -> Result<Option<Date>, DatabaseError> {
    let mut statement = prepare(
        connection,
        "SELECT min(local_date) FROM entries INDEXED BY entries_by_habit
          WHERE user_id = ?1 AND habit_id = ?2 AND deleted_at IS NULL",
    )?;
    Ok(statement.query_row(params![Bound(&user), Bound(&habit)], only)?)
}

/// Returns a live entry of a live habit.
pub(crate) fn find_live(
    connection: &Connection,
    user: UserId,
    id: EntryId,
) -> Result<Option<Entry>, DatabaseError> {
    let mut statement = prepare(
        connection,
        concat!(
            "SELECT ",
            entry_columns!(),
            " FROM entries
              WHERE user_id = ?1 AND id = ?2 AND deleted_at IS NULL
                AND EXISTS (SELECT 1 FROM habits
                            WHERE habits.user_id = ?1 AND habits.id = entries.habit_id
                              AND habits.deleted_at IS NULL)"
        ),
    )?;
    let found = statement.query_row(params![Bound(&user), Bound(&id)], read);
    Ok(found.optional()?)
}

/// The bounds of an [`EntryFilter`], split by the columns that they compare with.
struct Bounds {
    day_from: Option<Date>,
    day_to: Option<Date>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

impl Bounds {
    const fn of(filter: &EntryFilter) -> Self {
        let (day_from, from) = split(filter.from);
        let (day_to, to) = split(filter.to);
        Self {
            day_from,
            day_to,
            from,
            to,
        }
    }
}

const fn split(bound: Option<Completion>) -> (Option<Date>, Option<Timestamp>) {
    match bound {
        Some(Completion::Day(date)) => (Some(date), None),
        Some(Completion::At(instant)) => (None, Some(instant)),
        None => (None, None),
    }
}

/// Lists the keys of live entries; `$of_habit` restricts them to live habits.
//
// A missing bound is passed as the end of the column's range. `?2 IS NULL OR ...` would keep SQLite
// from using an index.
macro_rules! listed {
    ($of_habit:literal) => {
        concat!(
            "SELECT completion_date, id FROM entries INDEXED BY entries_by_habit
              WHERE user_id = ?1 AND deleted_at IS NULL
                AND local_date BETWEEN ifnull(?2, -9223372036854775807)
                                   AND ifnull(?3, 9223372036854775807)
                AND completion_date BETWEEN ifnull(?4, -9223372036854775807)
                                        AND ifnull(?5, 9223372036854775807)
                AND (?6 IS NULL OR (completion_date, id) < (?6, ?7))
                AND ",
            $of_habit,
            " ORDER BY completion_date DESC, id DESC LIMIT ?8"
        )
    };
}

/// Returns the keys of the live entries of live habits that match `query`, newest completion first.
pub(crate) fn keys(
    connection: &Connection,
    user: UserId,
    query: &EntryQuery,
) -> Result<Vec<EntryKey>, DatabaseError> {
    let bounds = Bounds::of(&query.filter);
    let after = query.after;
    let limit = query.limit.map_or(NO_LIMIT, i64::from);
    macro_rules! bound {
        ($($more:expr)?) => {
            params![
                Bound(&user),
                Bound(&bounds.day_from),
                Bound(&bounds.day_to),
                Bound(&bounds.from),
                Bound(&bounds.to),
                Bound(&after.map(|key| key.completion)),
                Bound(&after.map(|key| key.id)),
                limit
                $(, Bound($more))?
            ]
        };
    }
    let keys = match &query.filter.habit_id {
        None => prepare(
            connection,
            listed!(
                "habit_id IN (SELECT id FROM habits WHERE user_id = ?1 AND deleted_at IS NULL)"
            ),
        )?
        .query_map(bound!(), read_key)?
        .collect::<Result<_, _>>()?,
        Some(habit_id) => prepare(
            connection,
            listed!(
                "habit_id = ?9 AND EXISTS (SELECT 1 FROM habits
                                           WHERE user_id = ?1 AND id = ?9 AND deleted_at IS NULL)"
            ),
        )?
        .query_map(bound!(habit_id), read_key)?
        .collect::<Result<_, _>>()?,
    };
    Ok(keys)
}

fn read_key(row: &Row<'_>) -> rusqlite::Result<EntryKey> {
    let mut columns = Columns::of(row);
    Ok(EntryKey {
        completion: columns.take()?,
        id: columns.take()?,
    })
}

/// Returns the live entries of live habits with these ids.
pub(crate) fn some_live(
    connection: &Connection,
    user: UserId,
    ids: &[EntryId],
) -> Result<Vec<Entry>, DatabaseError> {
    let found = ids.iter().map(|id| find_live(connection, user, *id));
    found.filter_map(Result::transpose).collect()
}

/// Makes the parameters 1 to 17 of an INSERT or UPDATE, and further ones.
macro_rules! entry_values {
    ($user:expr, $entry:expr $(, $more:expr)*) => {
        params![
            Bound($user),
            Bound(&$entry.id),
            Bound(&$entry.details.habit_id),
            Bound(&$entry.details.completion.instant()),
            matches!($entry.details.completion, Completion::Day(_)),
            Bound(&$entry.details.timezone),
            Bound(&$entry.details.local_date),
            Bound(&$entry.details.kind),
            Bound(&$entry.details.value),
            Bound(&$entry.details.notes),
            Bound(&$entry.stamp.seq),
            Bound(&$entry.stamp.version),
            Bound(&$entry.stamp.created_at),
            Bound(&$entry.stamp.updated_at),
            Bound(&$entry.stamp.deleted_at),
            Bound(&provenance::stored(&$entry.provenance)),
            Bound(&$entry.provenance.device())
            $(, Bound($more))*
        ]
    };
}

/// Stores an entry in place of the version that it replaces. An entry never moves to another habit, so
/// `habit_id` is a condition and is not set.
///
/// # Errors
/// Fails if the stored version differs or the id is taken.
pub(crate) fn save(
    connection: &Connection,
    user: UserId,
    save: &RecordWrite<Entry>,
) -> Result<(), DatabaseError> {
    let entry = &save.record;
    let changed = match &save.replaces {
        None => prepare(
            connection,
            concat!(
                "INSERT INTO entries (user_id, ",
                entry_columns!(),
                ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,
                 ?16, ?17)"
            ),
        )?
        .execute(entry_values!(&user, entry))?,
        Some(replaced) => prepare(
            connection,
            "UPDATE entries SET completion_date = ?4, completion_is_a_date = ?5, timezone = ?6,
                 local_date = ?7, kind = ?8, value = ?9, notes = ?10, seq = ?11, version = ?12,
                 created_at = ?13, updated_at = ?14, deleted_at = ?15, field_edits = ?16,
                 edited_by = ?17
             WHERE user_id = ?1 AND id = ?2 AND habit_id = ?3 AND version = ?18",
        )?
        .execute(entry_values!(&user, entry, replaced))?,
    };
    if changed != 1 {
        return Err(DatabaseError::stale("entry", entry.id, save.replaces));
    }
    Ok(())
}

//! Reading the journal: the input of statistics and streaks.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use kanso_application::ports::storage::{HabitQuery, Journal, JournalEntry};
use kanso_domain::habits::Habit;
use kanso_domain::sync::Epoch;
use kanso_domain::{HabitId, UserId};
use rusqlite::{Connection, Row, params};

use crate::columns::{Bound, Columns};
use crate::entries::read_completion;
use crate::error::DatabaseError;
use crate::statements::prepare;
use crate::{habits, users};

/// Reads the live habits, or only some of them, with their live entries; `None` if there is no such
/// account.
///
/// `connection` is in a transaction, so all rows are of one state.
pub(crate) fn read(
    connection: &Connection,
    epoch: Epoch,
    user: UserId,
    only: Option<&[HabitId]>,
) -> Result<Option<Journal>, DatabaseError> {
    let Some((head, settings)) = users::head_and_settings(connection, epoch, user)? else {
        return Ok(None);
    };
    let (habits, entries) = match only {
        None => (
            habits::list(connection, user, &HabitQuery::all(true))?,
            all_entries(connection, user)?,
        ),
        Some(ids) => some(connection, user, ids)?,
    };
    let mut entries = entries;
    let entries = habits
        .iter()
        .map(|habit| (habit.id, entries.remove(&habit.id).unwrap_or_default()));
    Ok(Some(Journal {
        head,
        settings,
        entries: entries.collect(),
        habits,
    }))
}

type Entries = BTreeMap<HabitId, Vec<JournalEntry>>;

/// Reads the habits with these ids, one look-up each. A damaged row then fails only the calls that
/// name its habit.
fn some(
    connection: &Connection,
    user: UserId,
    ids: &[HabitId],
) -> Result<(Vec<Habit>, Entries), DatabaseError> {
    let (mut habits, mut entries) = (Vec::with_capacity(ids.len()), Entries::new());
    for &id in ids {
        if entries.contains_key(&id) {
            continue;
        }
        habits.extend(habits::find_live(connection, user, id)?);
        entries.insert(id, entries_of(connection, user, id)?);
    }
    habits.sort_by_key(|habit| {
        let newest = Reverse((habit.stamp.created_at, habit.id));
        (habit.details.sort_order, newest)
    });
    Ok((habits, entries))
}

/// Columns in the order of [`read_entry`].
macro_rules! journal_columns {
    () => {
        "completion_date, completion_is_a_date, local_date, kind, value"
    };
}

fn read_entry(columns: &mut Columns<'_, '_>) -> rusqlite::Result<JournalEntry> {
    Ok(JournalEntry {
        completion: read_completion(columns)?,
        local_date: columns.take()?,
        kind: columns.take()?,
        value: columns.take()?,
    })
}

/// Reads all entries of a user in the order of the table.
//
// Every row is needed. A look-up for each row of an index, or a sort in SQLite, takes longer than
// sorting here: `examples/journal.rs` measures it.
fn all_entries(connection: &Connection, user: UserId) -> Result<Entries, DatabaseError> {
    let mut statement = prepare(
        connection,
        concat!(
            "SELECT habit_id, ",
            journal_columns!(),
            " FROM entries NOT INDEXED WHERE user_id = ?1 AND deleted_at IS NULL"
        ),
    )?;
    let mut entries = Entries::new();
    let mut rows = statement.query(params![Bound(&user)])?;
    while let Some(row) = rows.next()? {
        let mut columns = Columns::of(row);
        let habit = columns.take()?;
        let entry = read_entry(&mut columns)?;
        entries.entry(habit).or_default().push(entry);
    }
    for entries in entries.values_mut() {
        // The sort is stable, so entries of one day stay in the order of their ids.
        entries.sort_by_key(|entry| entry.local_date);
    }
    Ok(entries)
}

/// Reads the entries of one habit through an index that has them in order of the day.
fn entries_of(
    connection: &Connection,
    user: UserId,
    habit: HabitId,
) -> Result<Vec<JournalEntry>, DatabaseError> {
    let mut statement = prepare(
        connection,
        concat!(
            "SELECT ",
            journal_columns!(),
            " FROM entries
              WHERE user_id = ?1 AND habit_id = ?2 AND deleted_at IS NULL
              ORDER BY local_date, id"
        ),
    )?;
    let read = |row: &Row<'_>| read_entry(&mut Columns::of(row));
    let rows = statement.query_map(params![Bound(&user), Bound(&habit)], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

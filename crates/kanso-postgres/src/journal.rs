//! Reading the journal: the input of statistics and streaks.

use std::collections::BTreeMap;

use futures::future::try_join;
use kanso_application::ports::storage::{HabitQuery, Journal, JournalEntry};
use kanso_domain::{HabitId, UserId};
use tokio_postgres::Row;

use crate::columns::{Columns, bind, bound, bound_all};
use crate::connection::Connection;
use crate::entries::read_completion;
use crate::error::DatabaseError;
use crate::habits::{self, habit_columns};
use crate::users;

/// Columns in the order of [`read_entry`].
macro_rules! journal_columns {
    () => {
        "habit_id, completion_date, completion_is_a_date, local_date, kind, value"
    };
}

const ALL_ENTRIES: &str = concat!(
    "SELECT ",
    journal_columns!(),
    " FROM entries WHERE user_id = $1 AND deleted_at IS NULL
      ORDER BY habit_id, local_date, id"
);

const SOME_ENTRIES: &str = concat!(
    "SELECT ",
    journal_columns!(),
    " FROM entries WHERE user_id = $1 AND habit_id = ANY ($2) AND deleted_at IS NULL
      ORDER BY habit_id, local_date, id"
);

/// All live habits.
const ALL_HABITS: HabitQuery = HabitQuery::all(true);

const SOME_HABITS: &str = concat!(
    "SELECT ",
    habit_columns!(),
    " FROM habits WHERE user_id = $1 AND id = ANY ($2) AND deleted_at IS NULL
      ORDER BY sort_order, created_at DESC, id DESC"
);

/// Reads the live habits, or only some of them, with their live entries; `None` if there is no such
/// account. `connection` is in a snapshot.
pub(crate) async fn read(
    connection: &Connection,
    user: UserId,
    only: Option<&[HabitId]>,
) -> Result<Option<Journal>, DatabaseError> {
    let Some((head, settings)) = users::head_and_settings(connection, user).await? else {
        return Ok(None);
    };
    // The two statements do not depend on each other, so both are sent before the first is awaited.
    let (habits, entries) = match only {
        None => {
            let habits = habits::list(connection, user, &ALL_HABITS);
            let entries = connection.all(ALL_ENTRIES, bind![user], read_entry);
            try_join(habits, entries).await?
        }
        Some(ids) => {
            let of_ids = || vec![bound(&user), bound_all(ids)];
            let habits = connection.all(SOME_HABITS, of_ids(), habits::read);
            let entries = connection.all(SOME_ENTRIES, of_ids(), read_entry);
            try_join(habits, entries).await?
        }
    };
    let mut by_habit: BTreeMap<HabitId, Vec<JournalEntry>> = BTreeMap::new();
    for (habit, entry) in entries {
        by_habit.entry(habit).or_default().push(entry);
    }
    let of_habits = habits
        .iter()
        .map(|habit| (habit.id, by_habit.remove(&habit.id).unwrap_or_default()));
    Ok(Some(Journal {
        head,
        settings,
        entries: of_habits.collect(),
        habits,
    }))
}

fn read_entry(row: &Row) -> Result<(HabitId, JournalEntry), DatabaseError> {
    let mut columns = Columns::of(row);
    let habit = columns.take()?;
    let entry = JournalEntry {
        completion: read_completion(&mut columns)?,
        local_date: columns.take()?,
        kind: columns.take()?,
        value: columns.take()?,
    };
    Ok((habit, entry))
}

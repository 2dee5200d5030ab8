//! Rows of habits.

use kanso_application::ports::storage::HabitQuery;
use kanso_domain::habits::{Habit, HabitDetails, StoredStreak};
use kanso_domain::record::Stamp;
use kanso_domain::sync::RecordWrite;
use kanso_domain::{HabitId, UserId};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::columns::{Bound, Columns};
use crate::entries::NO_LIMIT;
use crate::error::DatabaseError;
use crate::provenance;
use crate::statements::prepare;

/// Columns in the order of [`read`].
//
// The streak of a queued habit is stale. Its day is read as NULL, which the domain takes as "not
// computed", so a reader never shows the stale number.
macro_rules! habit_columns {
    () => {
        "id, title, description, color, icon, sort_order, schedule_history, unit, reminder_time, \
         start_date, end_date, archived_at, archived_spans, \
         seq, version, created_at, updated_at, deleted_at, current_streak, longest_streak, \
         CASE WHEN EXISTS (SELECT 1 FROM streak_dirty \
                           WHERE streak_dirty.user_id = habits.user_id \
                             AND streak_dirty.habit_id = habits.id) \
              THEN NULL ELSE streak_day END, field_edits, edited_by"
    };
}
pub(crate) use habit_columns;

pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Habit> {
    let mut columns = Columns::of(row);
    let id = columns.take()?;
    let details = HabitDetails {
        title: columns.take()?,
        description: columns.take()?,
        color: columns.take()?,
        icon: columns.take()?,
        sort_order: columns.take()?,
        history: columns.take()?,
        unit: columns.take()?,
        reminder_time: columns.take()?,
        start_date: columns.take()?,
        end_date: columns.take()?,
        archived_at: columns.take()?,
        archived_spans: columns.take()?,
    };
    let stamp = read_stamp(&mut columns)?;
    let streak = StoredStreak {
        current: columns.take()?,
        longest: columns.take()?,
        day: columns.take()?,
    };
    Ok(Habit {
        id,
        details,
        streak,
        provenance: provenance::read(&mut columns, &stamp)?,
        stamp,
    })
}

pub(crate) fn read_stamp(columns: &mut Columns<'_, '_>) -> rusqlite::Result<Stamp> {
    Ok(Stamp {
        seq: columns.take()?,
        version: columns.take()?,
        created_at: columns.take()?,
        updated_at: columns.take()?,
        deleted_at: columns.take()?,
    })
}

/// Returns a habit, also a tombstone.
pub(crate) fn find(
    connection: &Connection,
    user: UserId,
    id: HabitId,
) -> Result<Option<Habit>, DatabaseError> {
    let mut statement = prepare(
        connection,
        concat!(
            "SELECT ",
            habit_columns!(),
            " FROM habits WHERE user_id = ?1 AND id = ?2"
        ),
    )?;
    let found = statement.query_row(params![Bound(&user), Bound(&id)], read);
    Ok(found.optional()?)
}

/// Returns a live habit.
pub(crate) fn find_live(
    connection: &Connection,
    user: UserId,
    id: HabitId,
) -> Result<Option<Habit>, DatabaseError> {
    let found = find(connection, user, id)?;
    Ok(found.filter(|habit| !habit.stamp.is_deleted()))
}

/// Returns the number of live habits.
pub(crate) fn count_live(connection: &Connection, user: UserId) -> Result<u32, DatabaseError> {
    let sql = "SELECT count(*) FROM habits WHERE user_id = ?1 AND deleted_at IS NULL";
    let mut statement = prepare(connection, sql)?;
    Ok(statement.query_row([Bound(&user)], |row| row.get(0))?)
}

/// Returns the live habits that match `query`, by `sort_order`, then newest first.
pub(crate) fn list(
    connection: &Connection,
    user: UserId,
    query: &HabitQuery,
) -> Result<Vec<Habit>, DatabaseError> {
    let mut statement = prepare(
        connection,
        concat!(
            "SELECT ",
            habit_columns!(),
            " FROM habits
              WHERE user_id = ?1 AND deleted_at IS NULL AND (?2 OR archived_at IS NULL)
                AND (?3 IS NULL OR sort_order > ?3
                     OR (sort_order = ?3 AND (created_at, id) < (?4, ?5)))
              ORDER BY sort_order, created_at DESC, id DESC LIMIT ?6"
        ),
    )?;
    let after = query.after;
    let rows = statement.query_map(
        params![
            Bound(&user),
            query.archived_too,
            after.map(|key| key.sort_order),
            Bound(&after.map(|key| key.created_at)),
            Bound(&after.map(|key| key.id)),
            query.limit.map_or(NO_LIMIT, i64::from)
        ],
        read,
    )?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Makes the parameters 1 to 31 of an INSERT or UPDATE, and further ones.
//
// The columns of the current schedule and target repeat the last version of the history. Both are
// written from the history, so they cannot disagree.
macro_rules! habit_values {
    ($user:expr, $habit:expr $(, $more:expr)*) => {
        params![
            Bound($user),
            Bound(&$habit.id),
            Bound(&$habit.details.title),
            Bound(&$habit.details.description),
            Bound(&$habit.details.color),
            Bound(&$habit.details.icon),
            $habit.details.sort_order,
            Bound(&$habit.details.target().kind()),
            Bound(&$habit.details.schedule().frequency_type()),
            Bound(&$habit.details.schedule().weekdays()),
            $habit.details.schedule().interval(),
            $habit.details.schedule().times_per_week(),
            Bound(&$habit.details.target().value()),
            Bound(&$habit.details.target().direction()),
            Bound(&$habit.details.history),
            Bound(&$habit.details.unit),
            Bound(&$habit.details.reminder_time),
            Bound(&$habit.details.start_date),
            Bound(&$habit.details.end_date),
            Bound(&$habit.details.archived_at),
            Bound(&$habit.details.archived_spans),
            Bound(&$habit.stamp.seq),
            Bound(&$habit.stamp.version),
            Bound(&$habit.stamp.created_at),
            Bound(&$habit.stamp.updated_at),
            Bound(&$habit.stamp.deleted_at),
            $habit.streak.current,
            $habit.streak.longest,
            Bound(&$habit.streak.day),
            Bound(&provenance::stored(&$habit.provenance)),
            Bound(&$habit.provenance.device())
            $(, Bound($more))*
        ]
    };
}

/// Stores a habit in place of the version that it replaces.
///
/// # Errors
/// Fails if the stored version differs or the id is taken.
pub(crate) fn save(
    connection: &Connection,
    user: UserId,
    save: &RecordWrite<Habit>,
) -> Result<(), DatabaseError> {
    let habit = &save.record;
    let changed = match &save.replaces {
        None => prepare(
            connection,
            "INSERT INTO habits (user_id, id, title, description, color, icon, sort_order, type,
                 frequency_type, weekdays, interval, times_per_week, target_value,
                 target_direction, schedule_history, unit, reminder_time, start_date, end_date,
                 archived_at, archived_spans, seq, version, created_at, updated_at, deleted_at,
                 current_streak, longest_streak, streak_day, field_edits, edited_by)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,
                 ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30,
                 ?31)",
        )?
        .execute(habit_values!(&user, habit))?,
        Some(replaced) => prepare(
            connection,
            "UPDATE habits SET title = ?3, description = ?4, color = ?5, icon = ?6,
                 sort_order = ?7, type = ?8, frequency_type = ?9, weekdays = ?10,
                 interval = ?11, times_per_week = ?12, target_value = ?13,
                 target_direction = ?14, schedule_history = ?15, unit = ?16,
                 reminder_time = ?17, start_date = ?18, end_date = ?19, archived_at = ?20,
                 archived_spans = ?21, seq = ?22, version = ?23, created_at = ?24,
                 updated_at = ?25, deleted_at = ?26, current_streak = ?27,
                 longest_streak = ?28, streak_day = ?29, field_edits = ?30, edited_by = ?31
             WHERE user_id = ?1 AND id = ?2 AND version = ?32",
        )?
        .execute(habit_values!(&user, habit, replaced))?,
    };
    // Zero rows: the stored version is not the replaced one. A taken id fails as a violated key.
    if changed != 1 {
        return Err(DatabaseError::stale("habit", habit.id, save.replaces));
    }
    Ok(())
}

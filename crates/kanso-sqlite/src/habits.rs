//! Rows of habits.

use kanso_domain::habits::{
    Habit, HabitDetails, HabitFields, HabitType, ScheduleFields, TargetDirection, TargetFields,
    Weekdays,
};
use kanso_domain::record::Stamp;
use kanso_domain::sync::Save;
use kanso_domain::text::Title;
use kanso_domain::{HabitId, Quantity, UserId};
use rusqlite::types::FromSqlError;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::columns::{Bound, Columns};
use crate::error::Failure;
use crate::statements::prepare;

/// What [`read`] reads, in its order.
macro_rules! habit_columns {
    () => {
        "id, title, description, color, icon, sort_order, type, frequency_type, weekdays, \
         interval, times_per_week, target_value, target_direction, unit, reminder_time, \
         start_date, end_date, archived_at, seq, version, created_at, updated_at, deleted_at"
    };
}
pub(crate) use habit_columns;

pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Habit> {
    let mut columns = Columns::of(row);
    Ok(Habit {
        id: columns.take()?,
        details: read_details(&mut columns)?,
        stamp: read_stamp(&mut columns)?,
    })
}

/// Reads what its owner chose by the rules of the domain, the way in which it came, so that
/// columns that contradict each other are no habit.
fn read_details(columns: &mut Columns<'_, '_>) -> rusqlite::Result<HabitDetails> {
    let mut fields = HabitFields {
        title: Some(columns.take::<Title>()?),
        description: Some(columns.take()?),
        color: Some(columns.take()?),
        icon: Some(columns.take()?),
        sort_order: Some(columns.take()?),
        ..HabitFields::default()
    };
    let kind: HabitType = columns.take()?;
    fields.schedule = ScheduleFields {
        frequency_type: Some(columns.take()?),
        weekdays: columns.take::<Option<Weekdays>>()?.map(Weekdays::days),
        interval: columns.take()?,
        times_per_week: columns.take()?,
    };
    fields.target = TargetFields {
        kind: Some(kind),
        value: Some(columns.take::<Quantity>()?),
        direction: Some(columns.take::<TargetDirection>()?),
    };
    fields.unit = Some(columns.take()?);
    fields.reminder_time = Some(columns.take()?);
    fields.start_date = Some(columns.take()?);
    fields.end_date = Some(columns.take()?);
    fields.archived_at = Some(columns.take()?);
    HabitDetails::create(&fields).map_err(|invalid| FromSqlError::other(invalid).into())
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

/// A habit, be it a tombstone.
pub(crate) fn find(
    connection: &Connection,
    user: UserId,
    id: HabitId,
) -> Result<Option<Habit>, Failure> {
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

/// The live habits by `sort_order`, then newest first.
pub(crate) fn list(
    connection: &Connection,
    user: UserId,
    archived_too: bool,
) -> Result<Vec<Habit>, Failure> {
    let mut statement = prepare(
        connection,
        concat!(
            "SELECT ",
            habit_columns!(),
            " FROM habits
              WHERE user_id = ?1 AND deleted_at IS NULL AND (?2 OR archived_at IS NULL)
              ORDER BY sort_order, created_at DESC, id DESC"
        ),
    )?;
    let rows = statement.query_map(params![Bound(&user), archived_too], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The parameters 1 to 24 of [`insert`] and [`update`], and what follows them.
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
            Bound(&$habit.details.target.kind()),
            Bound(&$habit.details.schedule.frequency_type()),
            Bound(&$habit.details.schedule.weekdays()),
            $habit.details.schedule.interval(),
            $habit.details.schedule.times_per_week(),
            Bound(&$habit.details.target.value()),
            Bound(&$habit.details.target.direction()),
            Bound(&$habit.details.unit),
            Bound(&$habit.details.reminder_time),
            Bound(&$habit.details.start_date),
            Bound(&$habit.details.end_date),
            Bound(&$habit.details.archived_at),
            Bound(&$habit.stamp.seq),
            Bound(&$habit.stamp.version),
            Bound(&$habit.stamp.created_at),
            Bound(&$habit.stamp.updated_at),
            Bound(&$habit.stamp.deleted_at)
            $(, Bound($more))*
        ]
    };
}

/// Stores a habit in the place of the version that it replaces.
///
/// # Errors
/// Also when another version is stored, or one at all under the id of a new habit.
pub(crate) fn save(
    connection: &Connection,
    user: UserId,
    save: &Save<Habit>,
) -> Result<(), Failure> {
    let habit = &save.record;
    let changed = match &save.replaces {
        None => prepare(
            connection,
            concat!(
                "INSERT INTO habits (user_id, ",
                habit_columns!(),
                ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,
                 ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24)"
            ),
        )?
        .execute(habit_values!(&user, habit))?,
        Some(replaced) => prepare(
            connection,
            "UPDATE habits SET title = ?3, description = ?4, color = ?5, icon = ?6,
                 sort_order = ?7, type = ?8, frequency_type = ?9, weekdays = ?10,
                 interval = ?11, times_per_week = ?12, target_value = ?13,
                 target_direction = ?14, unit = ?15, reminder_time = ?16, start_date = ?17,
                 end_date = ?18, archived_at = ?19, seq = ?20, version = ?21,
                 created_at = ?22, updated_at = ?23, deleted_at = ?24
             WHERE user_id = ?1 AND id = ?2 AND version = ?25",
        )?
        .execute(habit_values!(&user, habit, replaced))?,
    };
    if changed != 1 {
        return Err(Failure::stale("habit", habit.id, save.replaces));
    }
    Ok(())
}

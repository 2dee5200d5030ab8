//! Rows of habits.

use kanso_application::ports::storage::HabitQuery;
use kanso_domain::habits::{Habit, HabitDetails, StoredStreak};
use kanso_domain::record::Stamp;
use kanso_domain::sync::RecordWrite;
use kanso_domain::{HabitId, UserId};
use tokio_postgres::Row;

use crate::columns::{Columns, Parameter, bind, bound};
use crate::connection::Connection;
use crate::error::DatabaseError;
use crate::pipeline::Pipeline;
use crate::provenance;
use crate::statements::by_key;

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
                           WHERE streak_dirty.user_id = $1 \
                             AND streak_dirty.habit_id = habits.id) \
              THEN NULL ELSE streak_day END, field_edits, edited_by"
    };
}
pub(crate) use habit_columns;

pub(crate) fn read(row: &Row) -> Result<Habit, DatabaseError> {
    read_columns(&mut Columns::of(row))
}

pub(crate) fn read_columns(columns: &mut Columns<'_>) -> Result<Habit, DatabaseError> {
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
    let stamp = read_stamp(columns)?;
    let streak = StoredStreak {
        current: columns.take()?,
        longest: columns.take()?,
        day: columns.take()?,
    };
    Ok(Habit {
        id,
        details,
        streak,
        provenance: provenance::read(columns, &stamp)?,
        stamp,
    })
}

pub(crate) fn read_stamp(columns: &mut Columns<'_>) -> Result<Stamp, DatabaseError> {
    Ok(Stamp {
        seq: columns.take()?,
        version: columns.take()?,
        created_at: columns.take()?,
        updated_at: columns.take()?,
        deleted_at: columns.take()?,
    })
}

/// Number of live habits.
pub(crate) const COUNT_LIVE: &str =
    "SELECT count(*) FROM habits WHERE user_id = $1 AND deleted_at IS NULL";

pub(crate) fn read_count(row: &Row) -> Result<u32, DatabaseError> {
    let count: i64 = Columns::of(row).take()?;
    // An account with more habits than that is over every quota.
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}

/// Returns the habits with these ids, with tombstones.
pub(crate) async fn some(
    connection: &Connection,
    user: UserId,
    ids: Parameter,
) -> Result<Vec<Habit>, DatabaseError> {
    let sql = concat!(
        "SELECT ",
        habit_columns!(),
        " FROM ",
        by_key!("habits", "id")
    );
    connection.all(sql, vec![bound(&user), ids], read).await
}

/// Returns a live habit.
pub(crate) async fn find_live(
    connection: &Connection,
    user: UserId,
    id: HabitId,
) -> Result<Option<Habit>, DatabaseError> {
    let sql = concat!(
        "SELECT ",
        habit_columns!(),
        " FROM habits WHERE user_id = $1 AND id = $2 AND deleted_at IS NULL"
    );
    connection.first(sql, bind![user, id], read).await
}

/// Returns the live habits that match `query`, by `sort_order`, then newest first.
pub(crate) async fn list(
    connection: &Connection,
    user: UserId,
    query: &HabitQuery,
) -> Result<Vec<Habit>, DatabaseError> {
    let sql = concat!(
        "SELECT ",
        habit_columns!(),
        " FROM habits
          WHERE user_id = $1 AND deleted_at IS NULL AND ($2 OR archived_at IS NULL)
            AND ($3::bigint IS NULL OR sort_order > $3
                 OR (sort_order = $3 AND (created_at, id) < ($4::bigint, $5::uuid)))
          ORDER BY sort_order, created_at DESC, id DESC LIMIT $6"
    );
    let (sort_order, created_at) = (
        query.after.map(|key| key.sort_order),
        query.after.map(|key| key.created_at),
    );
    let id = query.after.map(|key| key.id);
    // `LIMIT NULL` is no limit.
    let values = bind![
        user,
        query.archived_too,
        sort_order,
        created_at,
        id,
        query.limit
    ];
    connection.all(sql, values, read).await
}

/// Returns the parameters 1 to 31 of [`INSERT`] and [`UPDATE`].
//
// The columns of the current schedule and target repeat the last version of the history. Both are
// written from the history, so they cannot disagree.
fn values(user: UserId, habit: &Habit) -> Vec<Parameter> {
    let Habit {
        id,
        details,
        streak,
        provenance,
        stamp,
    } = habit;
    let (schedule, target) = (details.schedule(), details.target());
    bind![
        user,
        *id,
        details.title,
        details.description,
        details.color,
        details.icon,
        details.sort_order,
        target.kind(),
        schedule.frequency_type(),
        schedule.weekdays(),
        schedule.interval(),
        schedule.times_per_week(),
        target.value(),
        target.direction(),
        details.history,
        details.unit,
        details.reminder_time,
        details.start_date,
        details.end_date,
        details.archived_at,
        details.archived_spans,
        stamp.seq,
        stamp.version,
        stamp.created_at,
        stamp.updated_at,
        stamp.deleted_at,
        streak.current,
        streak.longest,
        streak.day,
        provenance::stored(provenance),
        provenance.device(),
    ]
}

pub(crate) const INSERT: &str =
    "INSERT INTO habits (user_id, id, title, description, color, icon, sort_order, type,
         frequency_type, weekdays, interval, times_per_week, target_value, target_direction,
         schedule_history, unit, reminder_time, start_date, end_date, archived_at, archived_spans,
         seq, version, created_at, updated_at, deleted_at, current_streak, longest_streak,
         streak_day, field_edits, edited_by)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,
         $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31)";

/// Updates one version of a habit.
//
// COMMIT is sent together with this statement, so the client cannot look at the number of changed
// rows first. Division by zero makes the statement fail if no row has the version, and the failed
// statement turns the COMMIT into a rollback.
pub(crate) const UPDATE: &str = "WITH changed AS (
         UPDATE habits SET title = $3, description = $4, color = $5, icon = $6,
             sort_order = $7, type = $8, frequency_type = $9, weekdays = $10,
             interval = $11, times_per_week = $12, target_value = $13,
             target_direction = $14, schedule_history = $15, unit = $16,
             reminder_time = $17, start_date = $18, end_date = $19, archived_at = $20,
             archived_spans = $21, seq = $22, version = $23, created_at = $24,
             updated_at = $25, deleted_at = $26, current_streak = $27,
             longest_streak = $28, streak_day = $29, field_edits = $30, edited_by = $31
         WHERE user_id = $1 AND id = $2 AND version = $32 RETURNING id)
     SELECT 1 / count(*) FROM changed";

/// Adds the statement that stores a habit. It fails if the stored version is not the replaced one,
/// or if the id of a new habit is taken.
pub(crate) fn save(pipeline: &mut Pipeline<'_>, user: UserId, save: &RecordWrite<Habit>) {
    let (id, replaces) = (save.record.id, save.replaces);
    let mut values = values(user, &save.record);
    let sql = match replaces {
        None => INSERT,
        Some(version) => {
            values.push(bound(&version));
            UPDATE
        }
    };
    let explain = move |error: DatabaseError| error.or_stale("habit", id, replaces);
    pipeline.add_explained(sql, values, explain);
}

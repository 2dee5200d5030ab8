//! A page of changes, read by one statement.
//!
//! The head, the habits and the entries are rows of one result, so they are from one snapshot without a
//! transaction. The kinds share columns of the same type; the position of each is a constant below.

use kanso_application::ports::storage::DeltaQuery;
use kanso_domain::accounts::SettingsRecord;
use kanso_domain::entries::{Entry, EntryDetails};
use kanso_domain::habits::{Habit, HabitDetails, StoredStreak};
use kanso_domain::sync::{Head, Page, Since};
use kanso_domain::{Record, Seq, Timestamp, UserId};
use tokio_postgres::Row;

use crate::columns::{Column, Columns, bind, only};
use crate::connection::Connection;
use crate::delta::{changed_since, entries_changed, habits_changed};
use crate::error::DatabaseError;
use crate::{entries, habits, provenance, users};

/// Reads the head and the settings of the user $1, and of each table at most $4 changes after the position $2,
/// without tombstones up to the position $3. Without $3, that is the head.
const PAGE: &str = concat!(
    "SELECT 'head', NULL::uuid, NULL::uuid, head_seq, last_change_at, digest, floor_seq, floor_at,
         history_epoch, history_start, settings_seq, settings_at, NULL::bigint, NULL::bigint,
         NULL::bigint, FALSE, timezone, week_start, day_start, NULL, NULL, NULL,
         NULL::jsonb, NULL::jsonb, NULL::bytea, NULL::uuid
     FROM users WHERE user_id = $1 AND NOT is_deleted
     UNION ALL (
         SELECT 'habit', id, NULL, seq, version, created_at, updated_at, deleted_at,
             sort_order, start_date, end_date, archived_at, current_streak, longest_streak,
             CASE WHEN EXISTS (SELECT 1 FROM streak_dirty
                               WHERE streak_dirty.user_id = $1
                                 AND streak_dirty.habit_id = habits.id)
                  THEN NULL ELSE streak_day END,
             FALSE, title, description, color, icon, unit, reminder_time,
             schedule_history, archived_spans, field_edits, edited_by",
    habits_changed!("coalesce($3, (SELECT head_seq FROM users WHERE user_id = $1))"),
    " ORDER BY seq LIMIT $4)
     UNION ALL (
         SELECT 'entry', id, habit_id, seq, version, created_at, updated_at, deleted_at,
             completion_date, local_date, value, NULL, NULL, NULL, NULL,
             completion_is_a_date, timezone, kind, notes, NULL, NULL, NULL,
             NULL, NULL, field_edits, edited_by",
    entries_changed!("coalesce($3, (SELECT head_seq FROM users WHERE user_id = $1))"),
    " ORDER BY seq LIMIT $4)"
);

// Columns of [`PAGE`], by the use that the records make of them.
const ID: usize = 1;
const HABIT_ID: usize = 2;
const STAMP: usize = 3;
const NUMBERS: usize = 8;
const STREAK: usize = 12;
const IS_A_DATE: usize = 15;
const TEXTS: usize = 16;
const LISTS: usize = 22;
const PROVENANCE: usize = 24;
// In the row of the head.
const SETTINGS_SEQ: usize = 10;

/// Counts the changes after the position $2 and up to the head $4, without tombstones up to $3.
const COUNT: &str = concat!(
    "SELECT (SELECT count(*)",
    habits_changed!("$3"),
    " AND seq <= $4) + (SELECT count(*)",
    entries_changed!("$3"),
    " AND seq <= $4)"
);

/// Reads a page of all kinds of records; `None` if there is no such account. `after` is the position of the
/// query's start.
pub(crate) async fn read(
    connection: &Connection,
    user: UserId,
    query: DeltaQuery,
    after: Seq,
) -> Result<Option<Page>, DatabaseError> {
    let began = match query.since {
        Since::Beginning => None,
        Since::FirstPull { began, .. } => Some(began),
        Since::Position(_) | Since::Instant(_) => Some(Seq::ZERO),
    };
    // One more than asked for shows, in the same snapshot, whether the page is the last one.
    let limit = query.limit.map(|limit| i64::from(limit) + 1);
    let rows = connection.rows(PAGE, bind![user, after, began, limit]);
    let (mut head, mut settings) = (None, None);
    let mut records = Vec::new();
    for row in rows.await? {
        match row.try_get(0)? {
            "habit" => records.push(Record::Habit(read_habit(&row)?)),
            "entry" => records.push(Record::Entry(read_entry(&row)?)),
            _ => {
                head = Some(users::read_head(
                    &mut Columns::from(&row, STAMP),
                    connection.epoch,
                )?);
                settings = read_settings(&row)?;
            }
        }
    }
    let Some(head) = head else {
        return Ok(None);
    };
    if query.since.is_up_to_date(head) {
        return Ok(Some(Page::empty(head)));
    }
    // Each table returned its own first records, so the first ones of both are among them. Positions are
    // unique to a user, so the order is total.
    records.sort_unstable_by_key(|record| record.stamp().seq);
    let first_pull = match query.since {
        Since::Beginning => Some(head.seq),
        Since::FirstPull { began, .. } => Some(began),
        Since::Position(_) | Since::Instant(_) => None,
    };
    let most = query
        .limit
        .map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let mut remaining = 0;
    if let Some(most) = most.filter(|most| records.len() > *most) {
        records.truncate(most);
        let last = records.last().map_or(after, |last| last.stamp().seq);
        let live_until = first_pull.unwrap_or(Seq::ZERO);
        remaining = count(connection, user, (last, live_until, head)).await?;
    }
    let settings = settings.filter(|settings| changed_since(query.since, settings));
    Ok(Some(Page::new(
        records, settings, head, remaining, first_pull,
    )))
}

/// Counts what follows a page that is not the last one.
//
// A later snapshot, in which a record may have moved behind the head. It is in a later delta then, but this page
// was not the last one, so at least one is said to follow.
async fn count(
    connection: &Connection,
    user: UserId,
    (last, live_until, head): (Seq, Seq, Head),
) -> Result<u64, DatabaseError> {
    let values = bind![user, last, live_until, head.seq];
    let count = connection.first(COUNT, values, only::<i64>).await?;
    Ok(count.unwrap_or_default().max(1).cast_unsigned())
}

fn at<T: Column>(row: &Row, index: usize) -> Result<T, DatabaseError> {
    Columns::from(row, index).take()
}

fn read_settings(row: &Row) -> Result<Option<SettingsRecord>, DatabaseError> {
    let mut columns = Columns::from(row, SETTINGS_SEQ);
    let seq: Seq = columns.take()?;
    // They never changed.
    if seq == Seq::ZERO {
        return Ok(None);
    }
    Ok(Some(SettingsRecord {
        settings: users::read_settings(&mut Columns::from(row, TEXTS))?,
        seq,
        updated_at: columns.take()?,
    }))
}

fn read_habit(row: &Row) -> Result<Habit, DatabaseError> {
    let mut numbers = Columns::from(row, NUMBERS);
    let mut texts = Columns::from(row, TEXTS);
    let mut lists = Columns::from(row, LISTS);
    let details = HabitDetails {
        title: texts.take()?,
        description: texts.take()?,
        color: texts.take()?,
        icon: texts.take()?,
        unit: texts.take()?,
        reminder_time: texts.take()?,
        sort_order: numbers.take()?,
        start_date: numbers.take()?,
        end_date: numbers.take()?,
        archived_at: numbers.take()?,
        history: lists.take()?,
        archived_spans: lists.take()?,
    };
    let mut streak = Columns::from(row, STREAK);
    let streak = StoredStreak {
        current: streak.take()?,
        longest: streak.take()?,
        day: streak.take()?,
    };
    let stamp = habits::read_stamp(&mut Columns::from(row, STAMP))?;
    Ok(Habit {
        id: at(row, ID)?,
        details,
        streak,
        provenance: provenance::read(&mut Columns::from(row, PROVENANCE), &stamp)?,
        stamp,
    })
}

fn read_entry(row: &Row) -> Result<Entry, DatabaseError> {
    let mut numbers = Columns::from(row, NUMBERS);
    let mut texts = Columns::from(row, TEXTS);
    let instant: Timestamp = numbers.take()?;
    let details = EntryDetails {
        habit_id: at(row, HABIT_ID)?,
        completion: entries::completion(instant, at(row, IS_A_DATE)?),
        timezone: texts.take()?,
        local_date: numbers.take()?,
        kind: texts.take()?,
        value: numbers.take()?,
        notes: texts.take()?,
    };
    let stamp = habits::read_stamp(&mut Columns::from(row, STAMP))?;
    Ok(Entry {
        id: at(row, ID)?,
        details,
        provenance: provenance::read(&mut Columns::from(row, PROVENANCE), &stamp)?,
        stamp,
    })
}

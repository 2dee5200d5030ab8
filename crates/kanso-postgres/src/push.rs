//! A push of entries, stored by one statement that checks what it was decided on.
//!
//! The first part of the statement updates the user's row if it is still as it was loaded, and with that takes
//! the lock on the user. All other parts take their rows from the first: they store nothing if the row has
//! changed. So such a push needs no transaction around its two statements, and holds the lock only while the
//! second one runs.

use kanso_domain::UserId;
use kanso_domain::entries::Entry;
use kanso_domain::sync::{Changeset, Head, RecordWrite, Usage};

use crate::columns::{bind, bound, bound_all, only};
use crate::connection::Connection;
use crate::entries::{self, entry_columns};
use crate::error::DatabaseError;
use crate::receipts::{self, receipt_columns};
use crate::statements::has_key;

/// Stores a push: its entries by `$stored`, and the result by `$result`.
//
// The habits are locked although the user is: a worker that finishes a streak changes the generation of the
// habit and not the user's row. A row that was locked is read in its newest version, so no generation is
// given twice. The look-up names `head`, so that the user is always locked before the habit.
macro_rules! push {
    ($stored:expr, $result:literal) => {
        concat!(
            "WITH head AS (
                 UPDATE users SET head_seq = $7, last_change_at = $8, digest = $9, history_epoch = $10,
                     history_start = $11, stored_records = $12, stored_bytes = $13
                 WHERE user_id = $1 AND NOT is_deleted AND head_seq = $2 AND digest = $3
                     AND floor_seq = $4 AND stored_records = $5 AND stored_bytes = $6
                 RETURNING user_id),
             queued AS (
                 INSERT INTO streak_dirty
                     (user_id, habit_id, generation, available_at, lease_until, attempts)
                 SELECT $1, habit.id, habit.streak_generation + 1, $8, NULL, 0
                 FROM head CROSS JOIN unnest($14::uuid[]) AS stale (id)
                 CROSS JOIN LATERAL (
                     SELECT id, streak_generation FROM habits
                     WHERE ",
            has_key!("id", "stale.id"),
            " AND deleted_at IS NULL
                         AND head.user_id IS NOT NULL
                     FOR NO KEY UPDATE) AS habit
                 ON CONFLICT (user_id, habit_id) DO UPDATE
                 SET generation = streak_dirty.generation + 1,
                     available_at = excluded.available_at, attempts = 0),
             noted AS (
                 INSERT INTO receipts (user_id, ",
            receipt_columns!(),
            ", created_at)
                 SELECT $1, receipt.*, $8
                 FROM head CROSS JOIN unnest($15::uuid[], $16::bytea[], $17::uuid[], $18::text[],
                                             $19::bigint[], $20::bigint[], $21::text[]) AS receipt),
             stored AS (",
            $stored,
            " RETURNING id)
             SELECT count(*), ",
            $result,
            " FROM head"
        )
    };
}

/// Stores a push of new entries.
const CREATE: &str = push!(
    concat!(
        "INSERT INTO entries (user_id, ",
        entry_columns!(),
        ") SELECT $1, entry.*
           FROM head CROSS JOIN unnest($22::uuid[], $23::uuid[], $24::bigint[], $25::boolean[],
                $26::text[], $27::bigint[], $28::text[], $29::bigint[], $30::text[], $31::bigint[],
                $32::bigint[], $33::bigint[], $34::bigint[], $35::bigint[], $36::bytea[], $37::uuid[])
                AS entry"
    ),
    "1::bigint"
);

/// Stores a push that edits one entry, of which it replaces the version $38. Divides by zero if the entry has
/// another one.
const EDIT: &str = push!(
    "UPDATE entries SET completion_date = $24, completion_is_a_date = $25, timezone = $26,
         local_date = $27, kind = $28, value = $29, notes = $30, seq = $31, version = $32,
         created_at = $33, updated_at = $34, deleted_at = $35, field_edits = $36, edited_by = $37
     FROM head
     WHERE entries.user_id = $1 AND id = $22 AND (entries.user_id, id) >= ($1, $22)
         AND habit_id = $23 AND version = $38",
    "1 / (1 - count(*) + (SELECT count(*) FROM stored))"
);

/// Every statement that [`store`] may send.
pub(crate) const STATEMENTS: [&str; 2] = [CREATE, EDIT];

/// A changeset that one statement can store.
pub(crate) struct Push<'a> {
    changeset: &'a Changeset,
    edited: Option<&'a RecordWrite<Entry>>,
}

impl<'a> Push<'a> {
    /// Returns the push; `None` if the changeset needs more than one statement.
    pub(crate) fn of(changeset: &'a Changeset) -> Option<Self> {
        if !changeset.habits.is_empty() {
            return None;
        }
        let edited = match &*changeset.entries {
            [entry] if entry.replaces.is_some() => Some(entry),
            entries if entries.iter().all(|entry| entry.replaces.is_none()) => None,
            _ => return None,
        };
        Some(Self { changeset, edited })
    }
}

/// Stores a push that was decided on at `before`; returns false, and stores nothing, if the user's row is not
/// as it was loaded.
pub(crate) async fn store(
    connection: &Connection,
    user: UserId,
    before: (Head, Usage),
    push: &Push<'_>,
) -> Result<bool, DatabaseError> {
    let changeset = push.changeset;
    let (stored, counted) = before;
    let (head, usage) = (changeset.head, changeset.usage);
    let mut values = bind![
        user,
        stored.seq,
        stored.digest,
        stored.floor.seq,
        counted.records,
        counted.bytes,
        head.seq,
        head.changed_at,
        head.digest,
        head.epoch.get().cast_signed(),
        head.history_start,
        usage.records,
        usage.bytes,
    ];
    values.push(bound_all(&changeset.stale_streaks));
    values.extend(receipts::values(&changeset.receipts)?);
    let sql = match push.edited {
        None => {
            let entries: Vec<_> = changeset.entries.iter().map(|save| &save.record).collect();
            values.extend(entries::columns(&entries));
            CREATE
        }
        Some(edited) => {
            values.extend(entries::row(&edited.record));
            values.push(bound(&edited.replaces));
            EDIT
        }
    };
    let passed = connection.first(sql, values, only::<i64>).await;
    // The statement is its own transaction.
    let passed = passed.map_err(DatabaseError::after_commit_was_sent)?;
    Ok(passed == Some(1))
}

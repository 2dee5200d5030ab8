//! The queue of stale streaks, in the table `streak_dirty`.
//!
//! Generations are never reused, so a worker detects that its input is stale. An existing row
//! increments its generation; a new row continues from `habits.streak_generation`, the last finished
//! one.

use std::collections::HashMap;

use kanso_application::ports::storage::{
    Backlog, ComputedStreak, DayBorder, LEASE_SECONDS, MAX_ATTEMPTS, StreakClaim, StreakJob,
    StreakOutcome,
};
use kanso_domain::sync::{Epoch, Head};
use kanso_domain::{Date, HabitId, Timestamp, UserId};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::columns::{Bound, Columns};
use crate::error::DatabaseError;
use crate::statements::prepare;
use crate::users;

// The SQL of this module and a partial index contain the number as a literal.
const _: () = assert!(MAX_ATTEMPTS == 10);

/// Queues live habits of the user ?1 at ?2.
//
// A lease is kept: its holder finds a newer generation when it finishes and frees the row. A second
// worker that began earlier would only compute from the same state twice.
macro_rules! queue_habits {
    ($which:literal) => {
        concat!(
            "INSERT INTO streak_dirty
                 (user_id, habit_id, generation, available_at, lease_until, attempts)
             SELECT user_id, id, streak_generation + 1, ?2, NULL, 0 FROM habits
             WHERE user_id = ?1 AND deleted_at IS NULL ",
            $which,
            " ON CONFLICT (user_id, habit_id) DO UPDATE
              SET generation = generation + 1, available_at = excluded.available_at, attempts = 0"
        )
    };
}

/// Queues a habit, unless it is deleted.
pub(crate) fn queue(
    connection: &Connection,
    user: UserId,
    habit: HabitId,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    prepare(connection, queue_habits!("AND id = ?3"))?.execute(params![
        Bound(&user),
        Bound(&now),
        Bound(&habit)
    ])?;
    Ok(())
}

/// Queues all live habits.
pub(crate) fn queue_all(
    connection: &Connection,
    user: UserId,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    prepare(connection, queue_habits!(""))?.execute(params![Bound(&user), Bound(&now)])?;
    Ok(())
}

/// Queues the habits whose streak may differ on a new day without a new entry: those with a current
/// streak, those that are or were a limit (`at_most`), and those with an entry after the day of
/// their streak. Returns their number.
//
// Habits that are queued already get a new generation: a worker that holds one computes it for the
// day before.
fn queue_for_new_day(
    connection: &Connection,
    user: UserId,
    now: Timestamp,
) -> Result<usize, DatabaseError> {
    // The history is JSON text. Its only strings are fixed names, so a search for one in quotes cannot
    // match the text of a user.
    let queued = prepare(
        connection,
        queue_habits!(
            "AND (current_streak > 0 OR instr(schedule_history, '\"at_most\"') > 0
                  OR EXISTS (SELECT 1 FROM entries
                             WHERE entries.user_id = ?1 AND entries.deleted_at IS NULL
                               AND entries.local_date > habits.streak_day
                               AND entries.habit_id = habits.id)
                  OR EXISTS (SELECT 1 FROM streak_dirty
                             WHERE streak_dirty.user_id = ?1
                               AND streak_dirty.habit_id = habits.id))"
        ),
    )?
    .execute(params![Bound(&user), Bound(&now)])?;
    Ok(queued)
}

/// Removes a habit from the queue, with any generation.
pub(crate) fn remove(
    connection: &Connection,
    user: UserId,
    habit: HabitId,
) -> Result<(), DatabaseError> {
    prepare(
        connection,
        "DELETE FROM streak_dirty WHERE user_id = ?1 AND habit_id = ?2",
    )?
    .execute(params![Bound(&user), Bound(&habit)])?;
    Ok(())
}

/// Leases at most `limit` jobs, oldest first, and returns them grouped by user.
//
// `available_at` is compared only after a failed attempt. For a first attempt it is the time of the
// change, and the clock of a user's history may be ahead of this node's clock: such a job would wait
// for nothing.
pub(crate) fn claim(
    connection: &Connection,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<StreakClaim>, DatabaseError> {
    // Nothing is locked or skipped: with a single writer no other claim runs in between.
    let mut statement = prepare(
        connection,
        "UPDATE streak_dirty SET lease_until = ?2, attempts = attempts + 1
         WHERE (user_id, habit_id) IN (
             SELECT user_id, habit_id FROM streak_dirty
             WHERE attempts < 10 AND (attempts = 0 OR available_at <= ?1)
               AND (lease_until IS NULL OR lease_until <= ?1)
             ORDER BY available_at, user_id, habit_id LIMIT ?3)
         RETURNING available_at, user_id, habit_id, generation, attempts",
    )?;
    let lease_until = now.plus_seconds(LEASE_SECONDS);
    let read = |row: &Row<'_>| {
        let mut columns = Columns::of(row);
        let (available_at, user): (Timestamp, UserId) = (columns.take()?, columns.take()?);
        let job = StreakJob {
            habit: columns.take()?,
            generation: columns.take()?,
            attempts: columns.take()?,
        };
        Ok((available_at, user, job))
    };
    let rows = statement.query_map(params![Bound(&now), Bound(&lease_until), limit], read)?;
    let mut jobs = rows.collect::<Result<Vec<_>, _>>()?;
    // RETURNING has no defined order.
    jobs.sort_unstable_by_key(|(available_at, user, job)| (*available_at, *user, job.habit));
    Ok(by_user(jobs.into_iter().map(|(_, user, job)| (user, job))))
}

/// Groups jobs by user, in the order of each user's first job.
fn by_user(jobs: impl Iterator<Item = (UserId, StreakJob)>) -> Vec<StreakClaim> {
    let mut claims: Vec<StreakClaim> = Vec::new();
    let mut positions = HashMap::new();
    for (user, job) in jobs {
        let position = *positions.entry(user).or_insert(claims.len());
        match claims.get_mut(position) {
            Some(claim) => claim.jobs.push(job),
            None => claims.push(StreakClaim {
                user,
                jobs: vec![job],
            }),
        }
    }
    claims
}

/// Stores computed streaks of one user and removes their jobs, except those whose habit changed after
/// the claim. Reads and writes the head once.
pub(crate) fn finish(
    connection: &Connection,
    epoch: Epoch,
    user: UserId,
    computed: &[ComputedStreak],
    now: Timestamp,
) -> Result<Vec<StreakOutcome>, DatabaseError> {
    let Some(before) = users::head(connection, epoch, user)? else {
        return Ok(vec![StreakOutcome::Superseded; computed.len()]);
    };
    let mut head = before;
    let mut outcomes = Vec::with_capacity(computed.len());
    for one in computed {
        let outcome = finish_one(connection, user, one, head.advanced(now))?;
        if outcome == StreakOutcome::Published {
            head = head.advanced(now);
        }
        outcomes.push(outcome);
    }
    if head != before {
        users::set_head(connection, user, head, None)?;
    }
    Ok(outcomes)
}

/// Stores one streak. `next` is the head that it gets if it has changed.
fn finish_one(
    connection: &Connection,
    user: UserId,
    computed: &ComputedStreak,
    next: Head,
) -> Result<StreakOutcome, DatabaseError> {
    let ComputedStreak { job, streak } = computed;
    let taken = prepare(
        connection,
        "DELETE FROM streak_dirty WHERE user_id = ?1 AND habit_id = ?2 AND generation = ?3",
    )?
    .execute(params![Bound(&user), Bound(&job.habit), job.generation])?;
    if taken == 0 {
        free_superseded(connection, user, *job)?;
        return Ok(StreakOutcome::Superseded);
    }
    let Some(stored) = live_streak(connection, user, *job)? else {
        return Ok(StreakOutcome::Superseded);
    };
    prepare(
        connection,
        "UPDATE habits SET current_streak = ?3, longest_streak = ?4, streak_day = ?5,
             streak_generation = ?6
         WHERE user_id = ?1 AND id = ?2",
    )?
    .execute(params![
        Bound(&user),
        Bound(&job.habit),
        streak.current,
        streak.longest,
        Bound(&streak.day),
        job.generation
    ])?;
    if stored == (streak.current, streak.longest) {
        return Ok(StreakOutcome::Unchanged);
    }
    // A statement of its own, because setting `seq` writes to the index on it. Most midnights change no
    // streak, and the statement above updates no indexed column.
    prepare(
        connection,
        "UPDATE habits SET seq = ?3, updated_at = ?4 WHERE user_id = ?1 AND id = ?2",
    )?
    .execute(params![
        Bound(&user),
        Bound(&job.habit),
        Bound(&next.seq),
        Bound(&next.changed_at)
    ])?;
    Ok(StreakOutcome::Published)
}

/// Returns the current and longest streak of the job's habit if it is live.
fn live_streak(
    connection: &Connection,
    user: UserId,
    job: StreakJob,
) -> Result<Option<(u32, u32)>, DatabaseError> {
    let mut statement = prepare(
        connection,
        "SELECT current_streak, longest_streak FROM habits
         WHERE user_id = ?1 AND id = ?2 AND deleted_at IS NULL",
    )?;
    let read = |row: &Row<'_>| {
        let mut columns = Columns::of(row);
        Ok((columns.take()?, columns.take()?))
    };
    let found = statement.query_row(params![Bound(&user), Bound(&job.habit)], read);
    Ok(found.optional()?)
}

/// Ends the leases of jobs, to be claimed again at `available_at`. A job whose habit changed after
/// the claim is free at once.
pub(crate) fn release(
    connection: &Connection,
    user: UserId,
    jobs: &[StreakJob],
    available_at: Timestamp,
) -> Result<(), DatabaseError> {
    for &job in jobs {
        // Each claim increments `attempts`, so the number identifies the lease: a slow worker whose
        // lease has passed to another worker does not end the new lease.
        let released = prepare(
            connection,
            "UPDATE streak_dirty SET lease_until = NULL, available_at = ?5
             WHERE user_id = ?1 AND habit_id = ?2 AND generation = ?3 AND attempts = ?4
               AND lease_until IS NOT NULL",
        )?
        .execute(params![
            Bound(&user),
            Bound(&job.habit),
            job.generation,
            job.attempts,
            Bound(&available_at)
        ])?;
        if released == 0 {
            free_superseded(connection, user, job)?;
        }
    }
    Ok(())
}

/// Ends the lease of a job whose habit changed after the claim. Its holder is done, so the newer
/// generation is free to claim at once.
fn free_superseded(
    connection: &Connection,
    user: UserId,
    job: StreakJob,
) -> Result<(), DatabaseError> {
    prepare(
        connection,
        "UPDATE streak_dirty SET lease_until = NULL
         WHERE user_id = ?1 AND habit_id = ?2 AND generation > ?3 AND attempts = 0",
    )?
    .execute(params![Bound(&user), Bound(&job.habit), job.generation])?;
    Ok(())
}

/// Counts the jobs. One in its last attempt already counts as parked.
pub(crate) fn backlog(connection: &Connection) -> Result<Backlog, DatabaseError> {
    let mut statement = prepare(
        connection,
        "SELECT count(*) FILTER (WHERE attempts < 10), count(*) FILTER (WHERE attempts >= 10),
                min(available_at) FILTER (WHERE attempts < 10)
         FROM streak_dirty",
    )?;
    let read = |row: &Row<'_>| {
        let mut columns = Columns::of(row);
        let (waiting, parked): (i64, i64) = (columns.take()?, columns.take()?);
        Ok(Backlog {
            waiting: waiting.cast_unsigned(),
            parked: parked.cast_unsigned(),
            due_since: columns.take()?,
        })
    };
    Ok(statement.query_row([], read)?)
}

/// Begins `today` for users with this `border`, until `limit` users and habits are reached. Returns
/// true if users may be left.
pub(crate) fn begin_day(
    connection: &Connection,
    border: &DayBorder,
    today: Date,
    limit: u32,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let limit = limit.try_into().unwrap_or(usize::MAX);
    let mut touched = 0;
    while touched < limit {
        let Some(user) = users::begin_day(connection, border, today)? else {
            return Ok(false);
        };
        touched += 1 + queue_for_new_day(connection, user, now)?;
    }
    Ok(true)
}

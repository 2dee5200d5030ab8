//! Rows of streaks that must be computed anew.
//!
//! A generation never comes twice, so that whoever computed from an older state can tell: a row
//! that is there counts its own up, and one that comes goes on from the last one finished, which
//! the habit keeps.

use std::collections::HashMap;

use kanso_application::ports::storage::{
    Backlog, ComputedStreak, DayBorder, LEASE_SECONDS, MAX_ATTEMPTS, StreakClaim, StreakJob,
    StreakOutcome,
};
use kanso_domain::sync::{Epoch, Head};
use kanso_domain::{Date, HabitId, Timestamp, UserId};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::columns::{Bound, Columns};
use crate::error::Failure;
use crate::statements::prepare;
use crate::users;

/// The statements and an index spell it out.
const _: () = assert!(MAX_ATTEMPTS == 10);

/// Queues live habits of the user ?1 at ?2. A lease stays as it is: its holder will find a newer
/// generation, and until then nobody else need begin.
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
) -> Result<(), Failure> {
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
) -> Result<(), Failure> {
    prepare(connection, queue_habits!(""))?.execute(params![Bound(&user), Bound(&now)])?;
    Ok(())
}

/// Queues the habits whose streaks may differ on a new day although nothing is recorded: those
/// with a current streak, those that are or were a limit, and those for which something was
/// recorded ahead. Those that wait are queued anew, because whoever holds one computes it for
/// the day before. Says how many there are.
fn queue_for_new_day(
    connection: &Connection,
    user: UserId,
    now: Timestamp,
) -> Result<usize, Failure> {
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

/// Takes a habit off the queue, whatever its generation.
pub(crate) fn remove(connection: &Connection, user: UserId, habit: HabitId) -> Result<(), Failure> {
    prepare(
        connection,
        "DELETE FROM streak_dirty WHERE user_id = ?1 AND habit_id = ?2",
    )?
    .execute(params![Bound(&user), Bound(&habit)])?;
    Ok(())
}

/// Leases up to `limit` jobs, oldest first, and gives them out by person. One that was not tried since its change is free
/// whatever the clock says: the user's history may be ahead of it.
pub(crate) fn claim(
    connection: &Connection,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<StreakClaim>, Failure> {
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
    // They are returned in no order.
    jobs.sort_unstable_by_key(|(available_at, user, job)| (*available_at, *user, job.habit));
    Ok(by_person(
        jobs.into_iter().map(|(_, user, job)| (user, job)),
    ))
}

/// The jobs of each person together, where the oldest of them stands.
fn by_person(jobs: impl Iterator<Item = (UserId, StreakJob)>) -> Vec<StreakClaim> {
    let mut claims: Vec<StreakClaim> = Vec::new();
    let mut places = HashMap::new();
    for (user, job) in jobs {
        let place = *places.entry(user).or_insert(claims.len());
        match claims.get_mut(place) {
            Some(claim) => claim.jobs.push(job),
            None => claims.push(StreakClaim {
                user,
                jobs: vec![job],
            }),
        }
    }
    claims
}

/// Stores computed streaks of one user and takes their jobs off the queue, but for those in whose
/// habits a change came in between. The head is read and written once.
pub(crate) fn finish(
    connection: &Connection,
    epoch: Epoch,
    user: UserId,
    computed: &[ComputedStreak],
    now: Timestamp,
) -> Result<Vec<StreakOutcome>, Failure> {
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
        users::set_head(connection, user, head)?;
    }
    Ok(outcomes)
}

/// Stores one of them; `next` is the place in the user's history that it takes if it differs.
fn finish_one(
    connection: &Connection,
    user: UserId,
    computed: &ComputedStreak,
    next: Head,
) -> Result<StreakOutcome, Failure> {
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
    // Its index is why this is a statement of its own: most midnights change no streak.
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

/// The current and the longest streak of the job's habit, if that is live.
fn live_streak(
    connection: &Connection,
    user: UserId,
    job: StreakJob,
) -> Result<Option<(u32, u32)>, Failure> {
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

/// Ends the leases of jobs, to be claimed again at `available_at`; one that a change came in
/// between is free at once.
pub(crate) fn release(
    connection: &Connection,
    user: UserId,
    jobs: &[StreakJob],
    available_at: Timestamp,
) -> Result<(), Failure> {
    for &job in jobs {
        // Each claim is another attempt, so the attempt says whose lease it is.
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

/// Ends a lease that was given out before the newest change: its holder is done.
fn free_superseded(connection: &Connection, user: UserId, job: StreakJob) -> Result<(), Failure> {
    prepare(
        connection,
        "UPDATE streak_dirty SET lease_until = NULL
         WHERE user_id = ?1 AND habit_id = ?2 AND generation > ?3 AND attempts = 0",
    )?
    .execute(params![Bound(&user), Bound(&job.habit), job.generation])?;
    Ok(())
}

/// How many jobs there are. One that is tried for the last time counts as parked already.
pub(crate) fn backlog(connection: &Connection) -> Result<Backlog, Failure> {
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

/// Begins `today` for people who live by `border`, until `limit` people and habits are reached, and
/// says whether people may be left.
pub(crate) fn begin_day(
    connection: &Connection,
    border: &DayBorder,
    today: Date,
    limit: u32,
    now: Timestamp,
) -> Result<bool, Failure> {
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

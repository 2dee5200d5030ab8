//! The queue of stale streaks, in the table `streak_dirty`.
//!
//! Generations are never reused, so a worker detects that its input is stale. An existing row
//! increments its generation; a new row continues from `habits.streak_generation`, the last finished
//! one.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use kanso_application::ports::storage::{
    Backlog, ComputedStreak, DayBorder, LEASE_SECONDS, MAX_ATTEMPTS, StreakClaim, StreakJob,
    StreakOutcome,
};
use kanso_domain::sync::Head;
use kanso_domain::{Date, HabitId, Timestamp, UserId};
use tokio_postgres::Row;

use crate::attempts::{BEGIN, COMMIT};
use crate::columns::{Columns, bind, bound, bound_all};
use crate::connection::Connection;
use crate::error::DatabaseError;
use crate::statements::by_key;
use crate::users;

// The SQL of this module and a partial index contain the number as a literal.
const _: () = assert!(MAX_ATTEMPTS == 10);

/// Queues live habits of the user $1 at $2.
//
// A lease is kept: its holder finds a newer generation when it finishes and frees the row. A second
// worker that began earlier would only compute from the same state twice.
macro_rules! queue_habits {
    ($which:literal) => {
        concat!(
            "INSERT INTO streak_dirty
                 (user_id, habit_id, generation, available_at, lease_until, attempts)
             SELECT user_id, id, streak_generation + 1, $2, NULL, 0 FROM habits
             WHERE user_id = $1 AND deleted_at IS NULL ",
            $which,
            " ON CONFLICT (user_id, habit_id) DO UPDATE
              SET generation = streak_dirty.generation + 1,
                  available_at = excluded.available_at, attempts = 0"
        )
    };
}

/// Queues the habit $3 of the user $1 at $2, unless it is deleted.
pub(crate) const QUEUE: &str = queue_habits!("AND id = $3");

/// Queues all live habits.
pub(crate) async fn queue_all(
    connection: &Connection,
    user: UserId,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    let sql = queue_habits!("");
    connection.execute(sql, bind![user, now]).await.map(drop)
}

/// Queues the habits whose streak may differ on a new day without a new entry: those with a current
/// streak, those that are or were a limit (`at_most`), and those with an entry after the day of
/// their streak.
//
// Habits that are queued already get a new generation: a worker that holds one computes it for the
// day before.
const QUEUE_FOR_NEW_DAY: &str = queue_habits!(
    "AND (current_streak > 0 OR schedule_history @> '[{\"target_direction\": \"at_most\"}]'
          OR EXISTS (SELECT 1 FROM entries
                     WHERE entries.user_id = $1 AND entries.deleted_at IS NULL
                       AND entries.local_date > habits.streak_day
                       AND entries.habit_id = habits.id)
          OR EXISTS (SELECT 1 FROM streak_dirty AS waiting
                     WHERE waiting.user_id = $1 AND waiting.habit_id = habits.id))"
);

/// Removes a habit from the queue, with any generation.
pub(crate) const REMOVE: &str = "DELETE FROM streak_dirty WHERE user_id = $1 AND habit_id = $2";

/// Leases at most `limit` jobs, oldest first, and returns them grouped by user.
//
// `available_at` is compared only after a failed attempt. For a first attempt it is the time of the
// change, and the clock of a user's history may be ahead of this node's clock: such a job would wait
// for nothing. SKIP LOCKED leaves rows that a write or another node has locked.
pub(crate) async fn claim(
    connection: &Connection,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<StreakClaim>, DatabaseError> {
    let sql = "WITH due AS (
                   SELECT user_id, habit_id FROM streak_dirty
                   WHERE attempts < 10 AND (attempts = 0 OR available_at <= $1)
                     AND (lease_until IS NULL OR lease_until <= $1)
                   ORDER BY available_at, user_id, habit_id LIMIT $3 FOR UPDATE SKIP LOCKED)
               UPDATE streak_dirty SET lease_until = $2, attempts = attempts + 1 FROM due
               WHERE streak_dirty.user_id = due.user_id AND streak_dirty.habit_id = due.habit_id
               RETURNING available_at, streak_dirty.user_id, streak_dirty.habit_id, generation,
                   attempts";
    let read = |row: &Row| {
        let mut columns = Columns::of(row);
        let (available_at, user): (Timestamp, UserId) = (columns.take()?, columns.take()?);
        let job = StreakJob {
            habit: columns.take()?,
            generation: columns.take()?,
            attempts: columns.take()?,
        };
        Ok((available_at, user, job))
    };
    let lease_until = now.plus_seconds(LEASE_SECONDS);
    let values = bind![now, lease_until, limit];
    let mut jobs = connection.all(sql, values, read).await?;
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

/// Removes jobs ($2) of these generations ($3) from the queue.
const TAKE: &str =
    "DELETE FROM streak_dirty USING unnest($2::uuid[], $3::bigint[]) AS job (habit_id, generation)
     WHERE streak_dirty.user_id = $1 AND streak_dirty.habit_id = job.habit_id
       AND streak_dirty.generation = job.generation
     RETURNING streak_dirty.habit_id, streak_dirty.generation";

/// Selects the current and longest streak of live habits ($2).
const STREAKS: &str = concat!(
    "SELECT id, current_streak, longest_streak FROM ",
    by_key!("habits", "id"),
    " WHERE habits.deleted_at IS NULL"
);

/// Stores a streak that has not changed: only its day and generation are new.
const STORE: &str = "UPDATE habits SET current_streak = $3, longest_streak = $4, streak_day = $5,
                         streak_generation = $6
                     WHERE user_id = $1 AND id = $2";

/// Stores a streak that has changed, with a new position in the history.
//
// A statement of its own, because setting `seq` writes to the index on it. Most midnights change no
// streak, and [`STORE`] updates no indexed column.
const PUBLISH: &str = "UPDATE habits SET current_streak = $3, longest_streak = $4, streak_day = $5,
                           streak_generation = $6, seq = $7, updated_at = $8
                       WHERE user_id = $1 AND id = $2";

/// Ends the lease of a job whose habit changed after the claim. Its holder is done, so the newer
/// generation is free to claim at once.
const FREE_SUPERSEDED: &str = "UPDATE streak_dirty SET lease_until = NULL
     WHERE user_id = $1 AND habit_id = $2 AND generation > $3 AND attempts = 0";

/// Stores computed streaks of one user and removes their jobs, except those whose habit changed after
/// the claim. Takes two round trips, like a write.
pub(crate) async fn finish(
    connection: &Connection,
    user: UserId,
    computed: &[ComputedStreak],
    now: Timestamp,
) -> Result<Vec<StreakOutcome>, DatabaseError> {
    let mut pipeline = connection.pipeline();
    // Prepared here, before BEGIN: inside `store` the round trip would be spent under the lock.
    pipeline.prepare_also(&STORE_STATEMENTS);
    pipeline.command(BEGIN);
    let locked = pipeline.add(users::LOCK, bind![user]);
    let habits = || bound_all(computed.iter().map(|one| &one.job.habit));
    let generations = bound_all(computed.iter().map(|one| &one.job.generation));
    let taken = pipeline.add(TAKE, vec![bound(&user), habits(), generations]);
    let stored = pipeline.add(STREAKS, vec![bound(&user), habits()]);

    let answers = pipeline.send().await?;
    let read = |row: &Row| users::read_head_and_settings(row, connection.epoch);
    let Some((before, _)) = answers.first(locked, read)? else {
        connection.command(COMMIT).await?;
        return Ok(vec![StreakOutcome::Superseded; computed.len()]);
    };
    let taken = answers.all(taken, |row| {
        let mut columns = Columns::of(row);
        Ok((columns.take()?, columns.take()?))
    })?;
    let live = answers.all(stored, |row| {
        let mut columns = Columns::of(row);
        Ok((columns.take()?, (columns.take()?, columns.take()?)))
    })?;
    let mut jobs = TakenJobs {
        taken: taken.into_iter().collect(),
        live: live.into_iter().collect(),
    };
    let mut head = before;
    let mut outcomes = Vec::with_capacity(computed.len());
    for one in computed {
        let outcome = jobs.outcome(one);
        if outcome == StreakOutcome::Published {
            head = head.advanced(now);
        }
        outcomes.push((outcome, head));
    }
    store(connection, user, computed, &outcomes, before).await?;
    Ok(outcomes.into_iter().map(|(outcome, _)| outcome).collect())
}

/// Jobs that were taken off the queue, and the stored streaks that they are compared with.
struct TakenJobs {
    /// Habit and generation of the jobs that had not changed since the claim.
    taken: BTreeSet<(HabitId, i64)>,
    /// Current and longest stored streak of live habits.
    live: BTreeMap<HabitId, (u32, u32)>,
}

impl TakenJobs {
    fn outcome(&mut self, computed: &ComputedStreak) -> StreakOutcome {
        let ComputedStreak { job, streak } = computed;
        if !self.taken.remove(&(job.habit, job.generation)) {
            return StreakOutcome::Superseded;
        }
        match self.live.get(&job.habit) {
            None => StreakOutcome::Superseded,
            Some(stored) if *stored == (streak.current, streak.longest) => StreakOutcome::Unchanged,
            Some(_) => StreakOutcome::Published,
        }
    }
}

/// Every statement that [`store`] may send.
const STORE_STATEMENTS: [&str; 4] = [STORE, PUBLISH, FREE_SUPERSEDED, users::SET_HEAD];

/// Stores streaks, each with its outcome and the head after it, and commits.
async fn store(
    connection: &Connection,
    user: UserId,
    computed: &[ComputedStreak],
    outcomes: &[(StreakOutcome, Head)],
    before: Head,
) -> Result<(), DatabaseError> {
    let mut pipeline = connection.pipeline();
    for (ComputedStreak { job, streak }, (outcome, head)) in computed.iter().zip(outcomes) {
        let (habit, generation) = (job.habit, job.generation);
        let mut values = bind![
            user,
            habit,
            streak.current,
            streak.longest,
            streak.day,
            generation
        ];
        let (sql, values) = match outcome {
            StreakOutcome::Unchanged => (STORE, values),
            StreakOutcome::Published => {
                values.extend(bind![head.seq, head.changed_at]);
                (PUBLISH, values)
            }
            StreakOutcome::Superseded => (FREE_SUPERSEDED, bind![user, habit, generation]),
        };
        pipeline.add(sql, values);
    }
    let head = outcomes.last().map_or(before, |(_, head)| *head);
    if head != before {
        users::set_head(&mut pipeline, user, head, None);
    }
    pipeline.commit().await
}

/// Ends the leases of jobs, to be claimed again at `available_at`. A job whose habit changed after
/// the claim is free at once.
pub(crate) async fn release(
    connection: &Connection,
    user: UserId,
    jobs: &[StreakJob],
    available_at: Timestamp,
) -> Result<(), DatabaseError> {
    // Each claim increments `attempts`, so the number identifies the lease: a slow worker whose
    // lease has passed to another worker does not end the new lease.
    const RELEASE: &str = "UPDATE streak_dirty SET lease_until = NULL,
             available_at = CASE WHEN generation = $3 THEN $5 ELSE available_at END
         WHERE user_id = $1 AND habit_id = $2
           AND (generation = $3 AND attempts = $4 AND lease_until IS NOT NULL
                OR generation > $3 AND attempts = 0)";
    // The lock order: the user's row before the rows of the queue.
    if users::lock(connection, user).await?.is_none() {
        return Ok(());
    }
    let mut pipeline = connection.pipeline();
    for job in jobs {
        let (habit, generation, attempts) = (job.habit, job.generation, job.attempts);
        let values = bind![user, habit, generation, attempts, available_at];
        pipeline.add(RELEASE, values);
    }
    pipeline.send().await.map(drop)
}

/// Counts the jobs. One in its last attempt already counts as parked.
pub(crate) async fn backlog(connection: &Connection) -> Result<Backlog, DatabaseError> {
    let sql = "SELECT count(*) FILTER (WHERE attempts < 10),
                      count(*) FILTER (WHERE attempts >= 10),
                      min(available_at) FILTER (WHERE attempts < 10)
               FROM streak_dirty";
    let read = |row: &Row| {
        let mut columns = Columns::of(row);
        let (waiting, parked): (i64, i64) = (columns.take()?, columns.take()?);
        Ok(Backlog {
            waiting: waiting.cast_unsigned(),
            parked: parked.cast_unsigned(),
            due_since: columns.take()?,
        })
    };
    let backlog = connection.first(sql, Vec::new(), read).await?;
    Ok(backlog.unwrap_or_default())
}

/// Begins `today` for users with this `border`, until `limit` users and habits are reached. Returns
/// true if users may be left. Skips users that another transaction has locked.
pub(crate) async fn begin_day(
    connection: &Connection,
    border: &DayBorder,
    today: Date,
    limit: u32,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let users = users::lock_users_before_day(connection, border, today, limit).await?;
    let mut touched: u64 = 0;
    for user in users {
        if touched >= u64::from(limit) {
            return Ok(true);
        }
        let mut pipeline = connection.pipeline();
        let queued = pipeline.add(QUEUE_FOR_NEW_DAY, bind![user, now]);
        pipeline.add(users::SET_DAY_BEGUN, bind![user, today]);
        touched += 1 + pipeline.send().await?.affected(queued);
    }
    Ok(touched >= u64::from(limit)
        || users::has_users_before_day(connection, border, today).await?)
}

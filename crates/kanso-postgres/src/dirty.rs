//! Rows of streaks that must be computed anew.
//!
//! A generation never comes twice, so that whoever computed from an older state can tell: a row
//! that is there counts its own up, and one that comes goes on from the last one finished, which
//! the habit keeps.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use kanso_application::ports::storage::{
    Backlog, ComputedStreak, DayBorder, LEASE_SECONDS, MAX_ATTEMPTS, StreakClaim, StreakJob,
    StreakOutcome,
};
use kanso_domain::sync::Head;
use kanso_domain::{Date, HabitId, Timestamp, UserId};
use tokio_postgres::Row;

use crate::attempts::{BEGIN, COMMIT};
use crate::columns::{Columns, bind, bound, bound_all};
use crate::connection::{Connection, sent};
use crate::error::Failure;
use crate::users;

/// The statements and an index spell it out.
const _: () = assert!(MAX_ATTEMPTS == 10);

/// Queues live habits of the user $1 at $2. A lease stays as it is: its holder will find a newer
/// generation, and until then nobody else need begin.
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

pub(crate) const QUEUE: &str = queue_habits!("AND id = $3");

/// Queues a habit, unless it is deleted.
pub(crate) async fn queue(
    connection: &Connection,
    user: UserId,
    habit: HabitId,
    now: Timestamp,
) -> Result<(), Failure> {
    let values = bind![user, now, habit];
    connection.execute(QUEUE, values).await.map(drop)
}

/// Queues all live habits.
pub(crate) async fn queue_all(
    connection: &Connection,
    user: UserId,
    now: Timestamp,
) -> Result<(), Failure> {
    let sql = queue_habits!("");
    connection.execute(sql, bind![user, now]).await.map(drop)
}

/// Queues the habits whose streaks may differ on a new day although nothing is recorded: those
/// with a current streak, those that are or were a limit, and those for which something was
/// recorded ahead. Those that wait are queued anew, because whoever holds one computes it for
/// the day before.
const QUEUE_FOR_NEW_DAY: &str = queue_habits!(
    "AND (current_streak > 0 OR schedule_history @> '[{\"target_direction\": \"at_most\"}]'
          OR EXISTS (SELECT 1 FROM entries
                     WHERE entries.user_id = $1 AND entries.deleted_at IS NULL
                       AND entries.local_date > habits.streak_day
                       AND entries.habit_id = habits.id)
          OR EXISTS (SELECT 1 FROM streak_dirty AS waiting
                     WHERE waiting.user_id = $1 AND waiting.habit_id = habits.id))"
);

pub(crate) const REMOVE: &str = "DELETE FROM streak_dirty WHERE user_id = $1 AND habit_id = $2";

/// Takes a habit off the queue, whatever its generation.
pub(crate) async fn remove(
    connection: &Connection,
    user: UserId,
    habit: HabitId,
) -> Result<(), Failure> {
    connection
        .execute(REMOVE, bind![user, habit])
        .await
        .map(drop)
}

/// Leases up to `limit` jobs, oldest first, and gives them out by person. One that was not tried
/// since its change is free whatever the clock says: the user's history may be ahead of it. One
/// that somebody is about to change or to claim is left for later.
pub(crate) async fn claim(
    connection: &Connection,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<StreakClaim>, Failure> {
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

/// Takes jobs ($2) of these generations ($3) off the queue.
const TAKE: &str =
    "DELETE FROM streak_dirty USING unnest($2::uuid[], $3::bigint[]) AS job (habit_id, generation)
     WHERE streak_dirty.user_id = $1 AND streak_dirty.habit_id = job.habit_id
       AND streak_dirty.generation = job.generation
     RETURNING streak_dirty.habit_id, streak_dirty.generation";

/// The current and the longest streak of live habits ($2).
const STREAKS: &str = "SELECT id, current_streak, longest_streak FROM habits
                       WHERE user_id = $1 AND id = ANY ($2) AND deleted_at IS NULL";

const STORE: &str = "UPDATE habits SET current_streak = $3, longest_streak = $4, streak_day = $5,
                         streak_generation = $6
                     WHERE user_id = $1 AND id = $2";

/// Stores a streak that differs. Its index is why this is a statement of its own: most midnights
/// change no streak.
const PUBLISH: &str = "UPDATE habits SET current_streak = $3, longest_streak = $4, streak_day = $5,
                           streak_generation = $6, seq = $7, updated_at = $8
                       WHERE user_id = $1 AND id = $2";

/// Ends a lease that was given out before the newest change: its holder is done.
const FREE_SUPERSEDED: &str = "UPDATE streak_dirty SET lease_until = NULL
     WHERE user_id = $1 AND habit_id = $2 AND generation > $3 AND attempts = 0";

/// Stores computed streaks of one user and takes their jobs off the queue, but for those in whose
/// habits a change came in between. Two round trips, as a write.
pub(crate) async fn finish(
    connection: &Connection,
    user: UserId,
    computed: &[ComputedStreak],
    now: Timestamp,
) -> Result<Vec<StreakOutcome>, Failure> {
    connection.prepare(&[users::LOCK, TAKE, STREAKS]).await?;
    let habits = || bound_all(computed.iter().map(|one| &one.job.habit));
    let generations = bound_all(computed.iter().map(|one| &one.job.generation));
    let begun = sent(connection.command(BEGIN)).await;
    let locked = sent(users::lock(connection, user)).await;
    let values = vec![bound(&user), habits(), generations];
    let taken = sent(connection.all(TAKE, values, |row| {
        let mut columns = Columns::of(row);
        Ok((columns.take()?, columns.take()?))
    }))
    .await;
    let values = vec![bound(&user), habits()];
    let stored = sent(connection.all(STREAKS, values, |row| {
        let mut columns = Columns::of(row);
        Ok((columns.take()?, (columns.take()?, columns.take()?)))
    }))
    .await;
    begun.await?;
    let Some((before, _)) = locked.await? else {
        connection.command(COMMIT).await?;
        return Ok(vec![StreakOutcome::Superseded; computed.len()]);
    };
    let mut open = Open {
        taken: taken.await?.into_iter().collect(),
        live: stored.await?.into_iter().collect(),
    };
    let mut head = before;
    let mut outcomes = Vec::with_capacity(computed.len());
    for one in computed {
        let outcome = open.outcome(one);
        if outcome == StreakOutcome::Published {
            head = head.advanced(now);
        }
        outcomes.push((outcome, head));
    }
    store(connection, user, computed, &outcomes, before).await?;
    Ok(outcomes.into_iter().map(|(outcome, _)| outcome).collect())
}

/// What jobs find.
struct Open {
    /// Jobs that were still queued as they were claimed.
    taken: BTreeSet<(HabitId, i64)>,
    /// What is stored of live habits.
    live: BTreeMap<HabitId, (u32, u32)>,
}

impl Open {
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

/// Stores streaks, each with what becomes of it and the head after it, and commits.
async fn store(
    connection: &Connection,
    user: UserId,
    computed: &[ComputedStreak],
    outcomes: &[(StreakOutcome, Head)],
    before: Head,
) -> Result<(), Failure> {
    let statements = [STORE, PUBLISH, FREE_SUPERSEDED, users::SET_HEAD];
    connection.prepare(&statements).await?;
    let mut steps: Vec<BoxFuture<'_, Result<(), Failure>>> = Vec::new();
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
        let step = connection.execute(sql, values).map(|done| done.map(drop));
        steps.push(step.boxed());
    }
    let head = outcomes.last().map_or(before, |(_, head)| *head);
    if head != before {
        steps.push(users::set_head(connection, user, head).boxed());
    }
    connection.commit_after(steps).await
}

/// Ends the leases of jobs, to be claimed again at `available_at`; one that a change came in
/// between is free at once.
pub(crate) async fn release(
    connection: &Connection,
    user: UserId,
    jobs: &[StreakJob],
    available_at: Timestamp,
) -> Result<(), Failure> {
    // Each claim is another attempt, so the attempt says whose lease it is.
    const RELEASE: &str = "UPDATE streak_dirty SET lease_until = NULL,
             available_at = CASE WHEN generation = $3 THEN $5 ELSE available_at END
         WHERE user_id = $1 AND habit_id = $2
           AND (generation = $3 AND attempts = $4 AND lease_until IS NOT NULL
                OR generation > $3 AND attempts = 0)";
    if users::lock(connection, user).await?.is_none() {
        return Ok(());
    }
    connection.prepare(&[RELEASE]).await?;
    let mut released = Vec::with_capacity(jobs.len());
    for job in jobs {
        let (habit, generation, attempts) = (job.habit, job.generation, job.attempts);
        let values = bind![user, habit, generation, attempts, available_at];
        released.push(sent(connection.execute(RELEASE, values)).await);
    }
    for job in released {
        job.await?;
    }
    Ok(())
}

/// How many jobs there are. One that is tried for the last time counts as parked already.
pub(crate) async fn backlog(connection: &Connection) -> Result<Backlog, Failure> {
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

/// Begins `today` for people who live by `border`, until `limit` people and habits are reached, and
/// says whether people may be left. Somebody whom another holds is left for the next time.
pub(crate) async fn begin_day(
    connection: &Connection,
    border: &DayBorder,
    today: Date,
    limit: u32,
    now: Timestamp,
) -> Result<bool, Failure> {
    let people = users::lock_sleepers(connection, border, today, limit).await?;
    connection.prepare(&[QUEUE_FOR_NEW_DAY]).await?;
    let mut touched: u64 = 0;
    for user in people {
        if touched >= u64::from(limit) {
            return Ok(true);
        }
        let queued = sent(connection.execute(QUEUE_FOR_NEW_DAY, bind![user, now])).await;
        users::wake(connection, user, today).await?;
        touched += 1 + queued.await?;
    }
    Ok(touched >= u64::from(limit) || users::has_sleepers(connection, border, today).await?)
}

//! The streak queue: one job for each habit, claims, leases and outcomes.

use kanso_application::ports::storage::{
    Backlog, ComputedStreak, HabitQuery, LEASE_SECONDS, MAX_ATTEMPTS, Storage, StreakClaim,
    StreakJob, StreakOutcome,
};
use kanso_domain::habits::{Habit, StoredStreak};
use kanso_domain::sync::{Base, LoadSet, Since};
use kanso_domain::{Record, Seq, Timestamp};

use super::test_user::{TestUser, claimed};
use crate::build::{
    create_entry, create_habit, delete_entry, delete_habit, done, entry, habit, noon, once, streak,
    titled, update_habit,
};

/// An hour after [`noon`]: all jobs queued at noon are due and their leases have expired.
fn later() -> Timestamp {
    noon().plus_seconds(3_600)
}

/// Registers a user with one new habit, and claims its job.
async fn with_one_job(storage: &dyn Storage) -> (TestUser<'_>, StreakJob) {
    let person = TestUser::register(storage, 1).await;
    person.apply(create_habit(habit(1), titled("Read"))).await;
    let job = the_only(storage, noon()).await;
    (person, job)
}

async fn the_only(storage: &dyn Storage, now: Timestamp) -> StreakJob {
    let jobs = claimed(storage, now, 10).await;
    let [(_, job)] = *jobs else {
        panic!("expected one job, got {jobs:?}");
    };
    job
}

async fn stored(person: &TestUser<'_>) -> Habit {
    let found = person.storage.habit(person.id, habit(1)).await.unwrap();
    found.unwrap()
}

async fn backlog(storage: &dyn Storage) -> (u64, u64) {
    let backlog = storage.streak_backlog().await.unwrap();
    (backlog.waiting, backlog.parked)
}

/// Any number of changes of a habit and its entries make one job.
pub async fn a_habit_is_queued_once_however_often_it_changes(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
    for action in [
        create_habit(habit(1), titled("Read")),
        update_habit(habit(1), Base::Any, titled("Read more")),
        create_entry(entry(1), done(habit(1), "2026-01-15")),
        create_entry(entry(2), done(habit(1), "2026-01-14")),
        delete_entry(entry(2), Base::Any),
    ] {
        person.apply(action).await;
    }
    assert_eq!(backlog(storage).await, (1, 0));
    let claims = storage.claim_streaks(noon(), 10).await.unwrap();
    let [StreakClaim { user, jobs }] = claims.as_slice() else {
        panic!("expected one person, got {claims:?}");
    };
    assert_eq!((*user, jobs.len()), (person.id, 1));
    assert_eq!((jobs[0].habit, jobs[0].attempts), (habit(1), 1));
}

/// A claimed job is granted to no other worker until its lease expires.
pub async fn a_claim_is_exclusive_until_its_lease_runs_out(storage: &dyn Storage) {
    let (_, job) = with_one_job(storage).await;
    // One second before the end of the lease, and at its end.
    let held = noon().plus_seconds(LEASE_SECONDS - 1);
    assert_eq!(storage.claim_streaks(held, 10).await.unwrap(), []);
    let free = noon().plus_seconds(LEASE_SECONDS);
    let again = the_only(storage, free).await;
    let expected = StreakJob { attempts: 2, ..job };
    assert_eq!(again, expected);
}

/// Jobs are claimed in the order of their changes, up to the limit, each once.
pub async fn the_oldest_change_is_claimed_first(storage: &dyn Storage) {
    let (ada, bob) = (
        TestUser::register(storage, 1).await,
        TestUser::register(storage, 2).await,
    );
    let mut expected = Vec::new();
    for (person, number) in [(bob, 9), (ada, 5), (ada, 2), (bob, 2), (ada, 7)] {
        let now = noon().plus_seconds(i64::try_from(expected.len()).unwrap());
        let create = once(create_habit(habit(number), titled("Read")));
        person.submit_at(now, vec![create]).await;
        expected.push((person.id, habit(number)));
    }
    let mut order = Vec::new();
    for _ in 0..3 {
        let jobs = claimed(storage, later(), 2).await;
        order.extend(jobs.iter().map(|(user, job)| (*user, job.habit)));
    }
    assert_eq!(order, expected);
}

/// A claim groups the jobs of a user at the place of the user's oldest job.
pub async fn a_claim_groups_jobs_by_user(storage: &dyn Storage) {
    let (ada, bob) = (
        TestUser::register(storage, 1).await,
        TestUser::register(storage, 2).await,
    );
    for (second, (person, number)) in (0..).zip([(bob, 9), (ada, 5), (bob, 2), (ada, 7)]) {
        let now = noon().plus_seconds(second);
        let create = once(create_habit(habit(number), titled("Read")));
        person.submit_at(now, vec![create]).await;
    }
    let claims = storage.claim_streaks(later(), 10).await.unwrap();
    let habits = |claim: &StreakClaim| {
        let jobs = claim.jobs.iter().map(|job| job.habit);
        (claim.user, jobs.collect::<Vec<_>>())
    };
    let expected = [
        (bob.id, vec![habit(9), habit(2)]),
        (ada.id, vec![habit(5), habit(7)]),
    ];
    assert_eq!(claims.iter().map(habits).collect::<Vec<_>>(), expected);
}

/// Each job of a batch has its own outcome and, if published, its own position; a change or
/// deletion in between supersedes its own habit's job only.
pub async fn jobs_of_one_user_are_finished_together(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
    let create = |number| once(create_habit(habit(number), titled("Read")));
    person.submit((1..=5).map(create).collect()).await;
    // All five jobs are claimed before the changes below.
    let jobs = claimed(storage, noon(), 10).await;
    let jobs: Vec<_> = jobs.into_iter().map(|(_, job)| job).collect();
    person
        .apply(create_entry(entry(1), done(habit(2), "2026-01-15")))
        .await;
    person.apply(delete_habit(habit(4), Base::Any)).await;
    let cursor = person.head().await;
    let currents = [1, 2, 0, 4, 5];
    let computed = jobs.iter().zip(currents).map(|(&job, current)| {
        let streak = streak(current, current, "2026-01-15");
        ComputedStreak { job, streak }
    });
    let outcomes = storage.finish_streaks(person.id, computed.collect(), later());
    let expected = [
        StreakOutcome::Published,
        StreakOutcome::Superseded,
        StreakOutcome::Unchanged,
        StreakOutcome::Superseded,
        StreakOutcome::Published,
    ];
    assert_eq!(outcomes.await.unwrap(), expected);
    assert_eq!(
        person.head().await,
        cursor.advanced(later()).advanced(later())
    );
    let changes = person.changes(Since::Position(cursor.seq)).await;
    let summary = |record: &Record| match record {
        Record::Habit(habit) => (habit.id, habit.streak.current, habit.stamp.version.get()),
        Record::Entry(entry) => panic!("expected a habit, got {entry:?}"),
    };
    let published: Vec<_> = changes.iter().map(summary).collect();
    assert_eq!(published, [(habit(1), 1, 1), (habit(5), 5, 1)]);
    assert_eq!(backlog(storage).await, (1, 0));
}

/// Finishing a job twice changes nothing.
pub async fn a_finished_job_is_finished_once(storage: &dyn Storage) {
    let (person, job) = with_one_job(storage).await;
    let computed = streak(2, 5, "2026-01-15");
    let outcome = person.finish(job, computed, later()).await;
    assert_eq!(outcome, StreakOutcome::Published);
    let after = (stored(&person).await, person.head().await);
    let again = person.finish(job, computed, later()).await;
    assert_eq!(again, StreakOutcome::Superseded);
    assert_eq!((stored(&person).await, person.head().await), after);
}

/// A parked job is not claimed and does not block other jobs of its user.
pub async fn a_parked_job_does_not_block_others(storage: &dyn Storage) {
    let (person, mut job) = with_one_job(storage).await;
    for _ in 1..MAX_ATTEMPTS {
        person.release(job, noon()).await;
        job = the_only(storage, noon()).await;
    }
    person.release(job, noon()).await;
    let create = |number| once(create_habit(habit(number), titled("Read")));
    person.submit([2, 3].map(create).into()).await;
    assert_eq!(backlog(storage).await, (2, 1));
    let jobs = claimed(storage, later(), 10).await;
    let habits: Vec<_> = jobs.iter().map(|(_, job)| job.habit).collect();
    assert_eq!(habits, [habit(2), habit(3)]);
}

/// A streak computed before a change is not stored; the job of the change is available at once.
pub async fn a_change_supersedes_a_claim(storage: &dyn Storage) {
    let (person, job) = with_one_job(storage).await;
    person
        .apply(create_entry(entry(1), done(habit(1), "2026-01-15")))
        .await;
    // The lease of the old claim still holds: its worker may be about to finish.
    assert_eq!(storage.claim_streaks(noon(), 10).await.unwrap(), []);
    let before = (stored(&person).await, person.head().await);
    let outcome = person.finish(job, streak(3, 3, "2026-01-15"), noon()).await;
    assert_eq!(outcome, StreakOutcome::Superseded);
    assert_eq!((stored(&person).await, person.head().await), before);

    let next = the_only(storage, noon()).await;
    // The generation tells the two jobs of the habit apart.
    assert!(next.generation > job.generation);
    assert_eq!(next.attempts, 1);
    let outcome = person
        .finish(next, streak(1, 1, "2026-01-15"), noon())
        .await;
    assert_eq!(outcome, StreakOutcome::Published);
    assert_eq!(backlog(storage).await, (0, 0));
}

/// Generations are never reused, so a stalled worker cannot finish the job of a later change.
pub async fn a_generation_never_comes_twice(storage: &dyn Storage) {
    let (person, stalled) = with_one_job(storage).await;
    let job = the_only(storage, later()).await;
    for today in ["2026-01-15", "2026-01-16"] {
        person.finish(job, streak(0, 0, today), later()).await;
        let create = create_entry(entry(1), done(habit(1), "2026-01-15"));
        person.attempt(create).await;
        let outcome = person.finish(stalled, streak(7, 7, today), later()).await;
        assert_eq!(outcome, StreakOutcome::Superseded);
        assert_eq!(backlog(storage).await, (1, 0));
        assert_eq!(stored(&person).await.streak.current, 0);
    }
}

/// A changed streak gets a new position and keeps the version, because no user edited the record.
pub async fn a_changed_streak_is_published(storage: &dyn Storage) {
    let (person, job) = with_one_job(storage).await;
    let (before, cursor) = (stored(&person).await, person.head().await);
    let computed = streak(2, 5, "2026-01-15");
    let outcome = person.finish(job, computed, later()).await;
    assert_eq!(outcome, StreakOutcome::Published);

    let head = person.head().await;
    assert_eq!(head, cursor.advanced(later()));
    let after = stored(&person).await;
    assert_eq!(after.streak, computed);
    assert_eq!(
        (after.stamp.seq, after.stamp.updated_at),
        (head.seq, head.changed_at)
    );
    // A new version would make pending edits of the user conflict with the worker.
    assert_eq!(after.stamp.version, before.stamp.version);
    assert_eq!(after.details, before.details);
    let changes = person.changes(Since::Position(cursor.seq)).await;
    assert_eq!(changes, [Record::Habit(after)]);
}

/// An unchanged streak moves no position and records its day.
pub async fn an_unchanged_streak_moves_nothing(storage: &dyn Storage) {
    let (person, job) = with_one_job(storage).await;
    let (before, head) = (stored(&person).await, person.head().await);
    let computed = streak(0, 0, "2026-01-15");
    let outcome = person.finish(job, computed, later()).await;
    assert_eq!(outcome, StreakOutcome::Unchanged);
    assert_eq!(person.head().await, head);
    let expected = Habit {
        streak: computed,
        ..before
    };
    assert_eq!(stored(&person).await, expected);
}

/// From a change until the next computation the stored streak has no day, in every call.
pub async fn a_queued_streak_is_of_no_day(storage: &dyn Storage) {
    let (person, job) = with_one_job(storage).await;
    person.finish(job, streak(1, 1, "2026-01-15"), noon()).await;
    let create = create_entry(entry(1), done(habit(1), "2026-01-15"));
    person.apply(create).await;
    let expected = StoredStreak {
        day: None,
        ..streak(1, 1, "2026-01-15")
    };
    assert_eq!(stored(&person).await.streak, expected);
    let listed = storage
        .habits(person.id, HabitQuery::all(true))
        .await
        .unwrap();
    assert_eq!(listed[0].streak, expected);
    let journal = storage.journal(person.id, None).await.unwrap().unwrap();
    assert_eq!(journal.habits, listed);
    let changes = person.changes(Since::Beginning).await;
    assert_eq!(changes[0], Record::Habit(listed[0].clone()));
    let keys = LoadSet {
        habits: [habit(1)].into(),
        ..LoadSet::default()
    };
    assert_eq!(person.sees(keys).await.habits[&habit(1)], listed[0]);
}

/// A job that fails [`MAX_ATTEMPTS`] times is parked until the next change of its habit.
pub async fn a_job_is_parked_after_its_last_attempt(storage: &dyn Storage) {
    let (person, mut job) = with_one_job(storage).await;
    for attempt in 1..=MAX_ATTEMPTS {
        assert_eq!(job.attempts, attempt);
        let now = noon().plus_seconds(60 * i64::from(attempt));
        // Half of the workers die with their claim.
        if attempt % 2 == 0 {
            person.release(job, now).await;
        }
        let claimed = claimed(storage, now, 10).await;
        job = claimed.first().map_or(job, |(_, job)| *job);
        assert_eq!(claimed.is_empty(), attempt == MAX_ATTEMPTS);
    }
    assert_eq!(backlog(storage).await, (0, 1));
    assert_eq!(stored(&person).await.streak.day, None);
    let update = update_habit(habit(1), Base::Any, titled("Read more"));
    person.apply(update).await;
    assert_eq!(backlog(storage).await, (1, 0));
    let next = the_only(storage, later()).await;
    assert_eq!(next.attempts, 1);
}

/// The backlog reports since when its oldest job is due; parked jobs do not count.
pub async fn the_queue_reports_since_when_its_oldest_job_is_due(storage: &dyn Storage) {
    let due_since = async || storage.streak_backlog().await.unwrap().due_since;
    let person = TestUser::register(storage, 1).await;
    assert_eq!(due_since().await, None);
    for number in [1, 2] {
        person
            .apply(create_habit(habit(number), titled("Read")))
            .await;
    }
    assert_eq!(due_since().await, Some(noon()));
    let jobs = claimed(storage, noon(), 10).await;
    // A claimed job still waits: the metric must not fall to zero while a worker is stuck.
    assert_eq!(due_since().await, Some(noon()), "while they are held");
    let later = |seconds| noon().plus_seconds(seconds);
    for (seconds, (_, job)) in [10, 20].into_iter().zip(jobs) {
        person.release(job, later(seconds)).await;
    }
    assert_eq!(due_since().await, Some(later(10)));
    let first = the_only(storage, later(10)).await;
    person.release(first, later(30)).await;
    assert_eq!(due_since().await, Some(later(20)));
    person.apply(delete_habit(habit(1), Base::Any)).await;
    for attempt in 0..i64::from(MAX_ATTEMPTS) {
        claimed(storage, later(60 + LEASE_SECONDS * attempt), 10).await;
    }
    let parked = storage.streak_backlog().await.unwrap();
    let expected = Backlog {
        parked: 1,
        ..Backlog::default()
    };
    assert_eq!(parked, expected);
}

/// A released job is available at the given time; a job of another claim cannot be released.
pub async fn a_released_job_is_free_at_its_time(storage: &dyn Storage) {
    let (person, job) = with_one_job(storage).await;
    let at = noon().plus_seconds(10);
    person.release(job, at).await;
    let early = storage.claim_streaks(noon().plus_seconds(9), 10).await;
    assert_eq!(early.unwrap(), []);
    let again = the_only(storage, at).await;
    assert_eq!(again.attempts, 2);
    person.release(job, noon()).await;
    assert_eq!(storage.claim_streaks(at, 10).await.unwrap(), []);
}

/// Deleting a habit removes its job, which can no longer be finished.
pub async fn a_tombstone_takes_its_job_away(storage: &dyn Storage) {
    let (person, job) = with_one_job(storage).await;
    let deletes = [
        create_entry(entry(1), done(habit(1), "2026-01-15")),
        delete_habit(habit(1), Base::Any),
    ];
    person.submit(deletes.map(once).into()).await;
    assert_eq!(backlog(storage).await, (0, 0));
    let before = person.changes(Since::Position(Seq::ZERO)).await;
    let outcome = person
        .finish(job, streak(1, 1, "2026-01-15"), later())
        .await;
    assert_eq!(outcome, StreakOutcome::Superseded);
    let after = person.changes(Since::Position(Seq::ZERO)).await;
    assert_eq!(after, before);
    assert_eq!(storage.claim_streaks(later(), 10).await.unwrap(), []);
}

/// Deleting an account removes its jobs; other users keep theirs.
pub async fn a_deleted_account_takes_its_jobs_away(storage: &dyn Storage) {
    let (person, job) = with_one_job(storage).await;
    let other = TestUser::register(storage, 2).await;
    other.apply(create_habit(habit(1), titled("Run"))).await;
    storage.delete_account(person.id).await.unwrap();
    let outcome = person
        .finish(job, streak(1, 1, "2026-01-15"), later())
        .await;
    assert_eq!(outcome, StreakOutcome::Superseded);
    person.release(job, later()).await;
    let left = claimed(storage, later(), 10).await;
    assert_eq!(left.len(), 1);
    assert_eq!((left[0].0, left[0].1.habit), (other.id, habit(1)));
}

/// The queue never has more jobs than habits: ten thousand changes of three habits are three jobs.
pub async fn the_queue_cannot_outgrow_the_habits(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
    for number in 1..=3 {
        let create = create_habit(habit(number), titled("Read"));
        person.apply(create).await;
    }
    // 50 times 200 changes.
    for round in 0..50 {
        let change = |nth: u32| {
            let number = u128::from(nth % 3) + 1;
            let title = format!("Read {round}:{nth}");
            once(update_habit(habit(number), Base::Any, titled(&title)))
        };
        person.submit((0..200).map(change).collect()).await;
        assert_eq!(backlog(storage).await, (3, 0));
    }
    assert_eq!(claimed(storage, later(), 10).await.len(), 3);
}

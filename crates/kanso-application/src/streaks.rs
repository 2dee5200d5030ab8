//! Streaks: kept beside the habits, right at the moment of each reading.
//!
//! A change queues its habit in its own transaction; a worker computes the streak and stores it,
//! which moves the habit's `seq`, so that other devices get it. What is read before the worker
//! came, or after a midnight, is computed on the spot.

use std::sync::Arc;

use kanso_domain::calendar::Today;
use kanso_domain::habits::{Habit, StoredStreak};
use kanso_domain::progress::Judged;
use kanso_domain::sync::OperationOutcome;
use kanso_domain::{Date, HabitId, Record, UserId};

use crate::Outcome;
use crate::ports::clock::Clock;
use crate::ports::storage::{Backlog, Journal, Storage, StreakJob, StreakOutcome};

/// How many people's days are begun in one transaction.
const PEOPLE_AT_A_TIME: u32 = 200;

/// How long a job that failed rests, in seconds, for each attempt.
const REST_SECONDS: i64 = 2;

/// What keeps streaks.
#[derive(Clone)]
pub struct Streaks {
    storage: Arc<dyn Storage>,
    clock: Arc<dyn Clock>,
}

impl Streaks {
    /// The feature over its ports.
    pub fn new(storage: Arc<dyn Storage>, clock: Arc<dyn Clock>) -> Self {
        Self { storage, clock }
    }

    /// Brings the streaks of `habits`, which are `user`'s, to this moment. Nothing is stored.
    pub async fn freshen(&self, user: UserId, mut habits: Vec<&mut Habit>) -> Outcome<()> {
        habits.retain(|habit| !habit.stamp.is_deleted());
        if habits.is_empty() {
            return Ok(());
        }
        let Some(account) = self.storage.account(user).await? else {
            return Ok(());
        };
        let today = Today::at(self.clock.now(), &account.settings).date;
        habits.retain(|habit| habit.streak.is_stale(today));
        // After a midnight that is all of them: one read, not one a habit.
        let only = match habits.as_slice() {
            [] => return Ok(()),
            [habit] => Some(habit.id),
            _ => None,
        };
        let Some(journal) = self.storage.journal(user, only).await? else {
            return Ok(());
        };
        for habit in habits {
            if let Some(streak) = computed(&journal, habit.id, today) {
                habit.streak = streak;
            }
        }
        Ok(())
    }

    /// The same for the habits among `records`.
    pub async fn freshen_records(&self, user: UserId, records: &mut [Record]) -> Outcome<()> {
        let habits = records.iter_mut().filter_map(|record| match record {
            Record::Habit(habit) => Some(habit),
            Record::Entry(_) => None,
        });
        self.freshen(user, habits.collect()).await
    }

    /// The same for the habit that a command left behind or ran into.
    pub(crate) async fn freshen_outcome(
        &self,
        user: UserId,
        outcome: &mut OperationOutcome,
    ) -> Outcome<()> {
        let record = match outcome {
            OperationOutcome::Applied(record)
            | OperationOutcome::Merged(record)
            | OperationOutcome::Noop(record) => record,
            OperationOutcome::Conflict(conflict) => &mut conflict.record,
            OperationOutcome::Duplicate {
                record: Some(record),
                ..
            } => record,
            _ => return Ok(()),
        };
        self.freshen_records(user, std::slice::from_mut(record))
            .await
    }

    /// Claims up to `limit` streaks.
    pub async fn claim(&self, limit: u32) -> Outcome<Vec<StreakJob>> {
        Ok(self.storage.claim_streaks(self.clock.now(), limit).await?)
    }

    /// Computes the streak of `job`; `None` when its habit is gone.
    pub async fn compute(&self, job: StreakJob) -> Outcome<Option<StoredStreak>> {
        let journal = self.storage.journal(job.user, Some(job.habit)).await?;
        Ok(journal.and_then(|journal| {
            let today = Today::at(self.clock.now(), &journal.settings).date;
            computed(&journal, job.habit, today)
        }))
    }

    /// Stores what was computed for `job`. Without a habit there is nothing to store, and the job
    /// is done.
    pub async fn finish(
        &self,
        job: StreakJob,
        streak: Option<StoredStreak>,
    ) -> Outcome<StreakOutcome> {
        let streak = streak.unwrap_or_default();
        Ok(self
            .storage
            .finish_streak(job, streak, self.clock.now())
            .await?)
    }

    /// Gives `job` back: at once when the worker stops, after a rest when it failed.
    pub async fn release(&self, job: StreakJob, has_failed: bool) -> Outcome<()> {
        let rest = if has_failed {
            REST_SECONDS * i64::from(job.attempts)
        } else {
            0
        };
        let available_at = self.clock.now().plus_seconds(rest);
        Ok(self.storage.release_streak(job, available_at).await?)
    }

    /// Queues the streaks that a midnight ended or lengthened, some people at a time; says whether
    /// more are left.
    pub async fn begin_days(&self) -> Outcome<bool> {
        let now = self.clock.now();
        for border in self.storage.day_borders().await? {
            let today = kanso_domain::calendar::local_day(now, &border.timezone, border.day_start);
            let people = self
                .storage
                .begin_day(&border, today, PEOPLE_AT_A_TIME, now)
                .await?;
            if people >= PEOPLE_AT_A_TIME {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The queue's length.
    pub async fn backlog(&self) -> Outcome<Backlog> {
        Ok(self.storage.streak_backlog().await?)
    }
}

/// The streak of habit `id` in `journal` on `today`; `None` when it is not there.
fn computed(journal: &Journal, id: HabitId, today: Date) -> Option<StoredStreak> {
    let habit = journal.habits.iter().find(|habit| habit.id == id)?;
    let judged = Judged::new(habit, journal.log(id), &journal.settings, today);
    let streak = judged.streak();
    Some(StoredStreak {
        current: streak.current,
        longest: streak.longest,
        day: Some(today),
    })
}

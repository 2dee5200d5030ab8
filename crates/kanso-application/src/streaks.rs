//! Streaks: stored with the habits, and correct at the time of each read.
//!
//! A change queues its habit in its own transaction. A worker computes the streak and stores it,
//! which moves the `seq` of the habit, so that other devices get it. A read that comes before the
//! worker, or after a midnight, computes the streak itself.

use std::collections::HashMap;
use std::sync::Arc;

use kanso_domain::accounts::{Account, Settings};
use kanso_domain::calendar::Today;
use kanso_domain::habits::{Habit, StoredStreak};
use kanso_domain::progress::{DayLog, HabitProgress};
use kanso_domain::sync::{OperationOutcome, Page, Since};
use kanso_domain::{Date, HabitId, Record, UserId};

use crate::live::announce;
use crate::ports::clock::Clock;
use crate::ports::feed::Feed;
use crate::ports::storage::{
    Backlog, ComputedStreak, DeltaQuery, Journal, Scope, Storage, StreakClaim, StreakJob,
    StreakOutcome,
};
use crate::{Outcome, RecordPorts};

/// Users and streaks that the start of a day touches in one transaction. A concurrent write waits
/// for one such transaction, which takes a few milliseconds.
const STEP: u32 = 128;

/// Seconds between two attempts of a failed job, times the number of attempts.
const REST_SECONDS: i64 = 2;

/// The feature: computes streaks for reads and for workers.
#[derive(Clone)]
pub struct Streaks {
    storage: Arc<dyn Storage>,
    clock: Arc<dyn Clock>,
    feed: Arc<dyn Feed>,
}

impl Streaks {
    /// Returns the feature over its ports.
    pub fn new(storage: Arc<dyn Storage>, clock: Arc<dyn Clock>, feed: Arc<dyn Feed>) -> Self {
        Self {
            storage,
            clock,
            feed,
        }
    }

    /// Returns the feature over the ports of records.
    pub fn over(ports: &RecordPorts) -> Self {
        Self::new(
            Arc::clone(&ports.storage),
            Arc::clone(&ports.clock),
            Arc::clone(&ports.feed),
        )
    }

    /// Updates the streaks of `habits` of `user` to the present day. Nothing is stored.
    pub async fn refresh(&self, user: UserId, mut habits: Vec<&mut Habit>) -> Outcome<()> {
        // Deleted habits have no streak. Often no habit is left then, and the reads below are
        // saved.
        habits.retain(|habit| !habit.stamp.is_deleted());
        if habits.is_empty() {
            return Ok(());
        }
        // The account may have been deleted meanwhile. The caller has its records already and
        // returns them as they are.
        let Some(account) = self.storage.account(user).await? else {
            return Ok(());
        };
        let today = Today::at(self.clock.now(), &account.settings).date;
        habits.retain(|habit| habit.streak.is_stale(today));
        if habits.is_empty() {
            return Ok(());
        }
        // After a midnight every streak is stale, so this is one read for all habits, not one per
        // habit.
        let only: Vec<_> = habits.iter().map(|habit| habit.id).collect();
        let Some(journal) = self.storage.journal(user, Some(&only)).await? else {
            return Ok(());
        };
        for habit in habits {
            if let Some(streak) = computed(&journal, habit.id, today) {
                habit.streak = streak;
            }
        }
        Ok(())
    }

    /// Updates the streaks of the habits among `records`.
    pub async fn refresh_records(&self, user: UserId, records: &mut [Record]) -> Outcome<()> {
        let habits = records.iter_mut().filter_map(|record| match record {
            Record::Habit(habit) => Some(habit),
            Record::Entry(_) => None,
        });
        self.refresh(user, habits.collect()).await
    }

    /// Updates the streaks of the habits on the page of `query`.
    ///
    /// If the page has all records of the user, the streaks are computed from it and no entry is
    /// read again. Right after a midnight many devices read everything, and every streak is stale
    /// then.
    pub(crate) async fn refresh_page(
        &self,
        user: UserId,
        query: DeltaQuery,
        page: &mut Page,
    ) -> Outcome<()> {
        // `Since::Beginning` without more pages: only then are all live entries on the page.
        let is_everything = query.since == Since::Beginning && query.scope == Scope::Everything;
        if !is_everything || page.has_more() {
            return self.refresh_records(user, &mut page.records).await;
        }
        let is_live =
            |record: &Record| matches!(record, Record::Habit(habit) if !habit.stamp.is_deleted());
        if page.records.iter().any(is_live)
            && let Some(Account { settings, .. }) = self.storage.account(user).await?
        {
            let today = Today::at(self.clock.now(), &settings).date;
            refresh_all(&mut page.records, &settings, today);
        }
        Ok(())
    }

    /// Updates the streak of the habit in the outcome of an operation.
    pub(crate) async fn refresh_outcome(
        &self,
        user: UserId,
        outcome: &mut OperationOutcome,
    ) -> Outcome<()> {
        let record = match outcome {
            OperationOutcome::Applied(record)
            | OperationOutcome::Merged(record)
            | OperationOutcome::Noop(record)
            | OperationOutcome::Duplicate {
                record: Some(record),
                ..
            } => record,
            OperationOutcome::Conflict(conflict) => &mut conflict.record,
            _ => return Ok(()),
        };
        self.refresh_records(user, std::slice::from_mut(record))
            .await
    }

    /// Claims up to `limit` streaks.
    pub async fn claim(&self, limit: u32) -> Outcome<Vec<StreakClaim>> {
        Ok(self.storage.claim_streaks(self.clock.now(), limit).await?)
    }

    /// Computes the streaks of `jobs` of `user` from one state of the storage.
    ///
    /// A deleted habit has no streak to store, so its job ends with the default.
    pub async fn compute(&self, user: UserId, jobs: &[StreakJob]) -> Outcome<Vec<ComputedStreak>> {
        // One read for all jobs of a user, so that they are computed from one snapshot.
        let only: Vec<_> = jobs.iter().map(|job| job.habit).collect();
        let journal = self.storage.journal(user, Some(&only)).await?;
        let now = self.clock.now();
        let compute = |&job: &StreakJob| {
            let streak = journal.as_ref().and_then(|journal| {
                let today = Today::at(now, &journal.settings).date;
                computed(journal, job.habit, today)
            });
            let streak = streak.unwrap_or_default();
            ComputedStreak { job, streak }
        };
        Ok(jobs.iter().map(compute).collect())
    }

    /// Stores the results of jobs of `user` in one transaction, and notifies the devices.
    pub async fn finish(
        &self,
        user: UserId,
        computed: Vec<ComputedStreak>,
    ) -> Outcome<Vec<StreakOutcome>> {
        let now = self.clock.now();
        let outcomes = self.storage.finish_streaks(user, computed, now).await?;
        // An unchanged streak moves no head, and other devices need no notice of it.
        if outcomes.contains(&StreakOutcome::Published) {
            announce(&*self.storage, &*self.feed, user).await;
        }
        Ok(outcomes)
    }

    /// Releases a failed job for a later attempt.
    pub async fn retry_later(&self, user: UserId, job: StreakJob) -> Outcome<()> {
        // Grows with the attempts, so a job that keeps failing does not keep a worker busy.
        let rest = REST_SECONDS * i64::from(job.attempts);
        let at = self.clock.now().plus_seconds(rest);
        Ok(self.storage.release_streaks(user, vec![job], at).await?)
    }

    /// Releases jobs that were not begun. Another worker can claim them at once.
    pub async fn release(&self, claim: StreakClaim) -> Outcome<()> {
        let (StreakClaim { user, jobs }, now) = (claim, self.clock.now());
        Ok(self.storage.release_streaks(user, jobs, now).await?)
    }

    /// Queues streaks that a midnight may have changed, in steps. Returns true if more are left.
    pub async fn begin_days(&self) -> Outcome<bool> {
        let now = self.clock.now();
        // By pairs of zone and day start, not by users: all users of a pair begin the day at the
        // same instant.
        for border in self.storage.day_borders().await? {
            let today = kanso_domain::calendar::local_day(now, &border.timezone, border.day_start);
            // One step per call, so that the worker can stop, or serve changes, between two steps.
            if self.storage.begin_day(&border, today, STEP, now).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns the length of the queue, and the seconds since its oldest job became due, or 0.
    pub async fn backlog(&self) -> Outcome<(Backlog, u64)> {
        let backlog = self.storage.streak_backlog().await?;
        let now = self.clock.now();
        let age = backlog.due_since.map(|due| now.seconds_since(due));
        // Negative while the oldest job waits for its next attempt.
        let age = age.and_then(|age| u64::try_from(age).ok());
        Ok((backlog, age.unwrap_or_default()))
    }
}

/// Returns the streak of habit `id` in `journal` on `today`, or `None` if the habit is not in it.
fn computed(journal: &Journal, id: HabitId, today: Date) -> Option<StoredStreak> {
    let habit = journal.habits.iter().find(|habit| habit.id == id)?;
    let log = journal.log(id);
    Some(streak_of(habit, log, &journal.settings, today))
}

fn streak_of(habit: &Habit, log: DayLog, settings: &Settings, today: Date) -> StoredStreak {
    let streak = HabitProgress::new(habit, log, settings, today).streak();
    StoredStreak {
        current: streak.current,
        longest: streak.longest,
        day: Some(today),
    }
}

/// Updates the streaks among `records`, which are all records of a user, to `today`.
fn refresh_all(records: &mut [Record], settings: &Settings, today: Date) {
    let stale = records.iter().filter_map(|record| match record {
        Record::Habit(habit) => needs_refresh(habit, today).then_some((habit.id, Vec::new())),
        Record::Entry(_) => None,
    });
    let mut logs: HashMap<_, Vec<_>> = stale.collect();
    // The usual case: the streaks are fresh, so the entries need not be grouped.
    if logs.is_empty() {
        return;
    }
    for record in &*records {
        if let Record::Entry(entry) = record
            && !entry.stamp.is_deleted()
            && let Some(log) = logs.get_mut(&entry.details.habit_id)
        {
            let details = &entry.details;
            log.push((details.local_date, details.kind, details.value));
        }
    }
    for record in records {
        if let Record::Habit(habit) = record
            && let Some(log) = logs.remove(&habit.id)
        {
            habit.streak = streak_of(habit, log.into_iter().collect(), settings, today);
        }
    }
}

/// Returns true if the streak of the habit may be another one on `today`.
fn needs_refresh(habit: &Habit, today: Date) -> bool {
    !habit.stamp.is_deleted() && habit.streak.is_stale(today)
}

//! Streaks: kept beside the habits, right at the moment of each reading.
//!
//! A change queues its habit in its own transaction; a worker computes the streak and stores it,
//! which moves the habit's `seq`, so that other devices get it. What is read before the worker
//! came, or after a midnight, is computed on the spot.

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

/// How many people and streaks the beginning of a day touches in one transaction: whoever writes
/// meanwhile waits for one of them, which is a few milliseconds.
const STEP: u32 = 128;

/// How long a job that failed rests, in seconds, for each attempt.
const REST_SECONDS: i64 = 2;

/// What keeps streaks.
#[derive(Clone)]
pub struct Streaks {
    storage: Arc<dyn Storage>,
    clock: Arc<dyn Clock>,
    feed: Arc<dyn Feed>,
}

impl Streaks {
    /// The feature over its ports.
    pub fn new(storage: Arc<dyn Storage>, clock: Arc<dyn Clock>, feed: Arc<dyn Feed>) -> Self {
        Self {
            storage,
            clock,
            feed,
        }
    }

    /// The feature over those ports of records that it needs.
    pub fn over(ports: &RecordPorts) -> Self {
        Self::new(
            Arc::clone(&ports.storage),
            Arc::clone(&ports.clock),
            Arc::clone(&ports.feed),
        )
    }

    /// Brings the streaks of `habits`, which are `user`'s, to this moment. Nothing is stored.
    pub async fn refresh(&self, user: UserId, mut habits: Vec<&mut Habit>) -> Outcome<()> {
        habits.retain(|habit| !habit.stamp.is_deleted());
        if habits.is_empty() {
            return Ok(());
        }
        let Some(account) = self.storage.account(user).await? else {
            return Ok(());
        };
        let today = Today::at(self.clock.now(), &account.settings).date;
        habits.retain(|habit| habit.streak.is_stale(today));
        if habits.is_empty() {
            return Ok(());
        }
        // After a midnight that is all of them: one read, not one a habit.
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

    /// The same for the habits among `records`.
    pub async fn refresh_records(&self, user: UserId, records: &mut [Record]) -> Outcome<()> {
        let habits = records.iter_mut().filter_map(|record| match record {
            Record::Habit(habit) => Some(habit),
            Record::Entry(_) => None,
        });
        self.refresh(user, habits.collect()).await
    }

    /// The same for the habits on the page that `query` yields. Where all that a person has is on one
    /// page, it is computed from that and no entry is read again: devices that come for everything
    /// just after a midnight find every streak stale.
    pub(crate) async fn refresh_page(
        &self,
        user: UserId,
        query: DeltaQuery,
        page: &mut Page,
    ) -> Outcome<()> {
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

    /// The same for the habit that a command left behind or ran into.
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

    /// Computes the streaks of `jobs`, which are `user`'s, from one state of the storage. Of a
    /// habit that is gone there is nothing to store, and its job is done.
    pub async fn compute(&self, user: UserId, jobs: &[StreakJob]) -> Outcome<Vec<ComputedStreak>> {
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

    /// Stores what was computed for jobs of `user`, in one transaction, and tells their devices.
    pub async fn finish(
        &self,
        user: UserId,
        computed: Vec<ComputedStreak>,
    ) -> Outcome<Vec<StreakOutcome>> {
        let now = self.clock.now();
        let outcomes = self.storage.finish_streaks(user, computed, now).await?;
        if outcomes.contains(&StreakOutcome::Published) {
            announce(&*self.storage, &*self.feed, user).await;
        }
        Ok(outcomes)
    }

    /// Gives back what could not be done, to be tried again after a rest.
    pub async fn retry_later(&self, user: UserId, job: StreakJob) -> Outcome<()> {
        let rest = REST_SECONDS * i64::from(job.attempts);
        let at = self.clock.now().plus_seconds(rest);
        Ok(self.storage.release_streaks(user, vec![job], at).await?)
    }

    /// Gives back what was not begun: somebody else can have it at once.
    pub async fn release(&self, claim: StreakClaim) -> Outcome<()> {
        let (StreakClaim { user, jobs }, now) = (claim, self.clock.now());
        Ok(self.storage.release_streaks(user, jobs, now).await?)
    }

    /// Queues the streaks that a midnight ended or lengthened, some at a time; says whether more are
    /// left.
    pub async fn begin_days(&self) -> Outcome<bool> {
        let now = self.clock.now();
        for border in self.storage.day_borders().await? {
            let today = kanso_domain::calendar::local_day(now, &border.timezone, border.day_start);
            if self.storage.begin_day(&border, today, STEP, now).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The queue's length, and for how many seconds its oldest job has been due; 0 when none is.
    pub async fn backlog(&self) -> Outcome<(Backlog, u64)> {
        let backlog = self.storage.streak_backlog().await?;
        let now = self.clock.now();
        let age = backlog.due_since.map(|due| now.seconds_since(due));
        let age = age.and_then(|age| u64::try_from(age).ok());
        Ok((backlog, age.unwrap_or_default()))
    }
}

/// The streak of habit `id` in `journal` on `today`; `None` when it is not there.
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

/// Brings the streaks among `records` to `today`, where they are everything that a person has.
fn refresh_all(records: &mut [Record], settings: &Settings, today: Date) {
    let stale = records.iter().filter_map(|record| match record {
        Record::Habit(habit) => needs_refresh(habit, today).then_some((habit.id, Vec::new())),
        Record::Entry(_) => None,
    });
    let mut logs: HashMap<_, Vec<_>> = stale.collect();
    // Most of the time there is none.
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

/// Whether its streak may differ from the one on `today`.
fn needs_refresh(habit: &Habit, today: Date) -> bool {
    !habit.stamp.is_deleted() && habit.streak.is_stale(today)
}

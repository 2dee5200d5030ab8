//! The streak queue in memory.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use kanso_application::ports::storage::{
    Backlog, ComputedStreak, DayBorder, LEASE_SECONDS, MAX_ATTEMPTS, StorageError, StreakClaim,
    StreakJob, StreakOutcome, StreakQueue,
};
use kanso_domain::entries::Entry;
use kanso_domain::habits::{Habit, TargetDirection};
use kanso_domain::{Date, HabitId, Timestamp, UserId};

use super::{MemoryStorage, UserData};

/// Jobs of one user. The streak of a queued habit has no day.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    jobs: BTreeMap<HabitId, Job>,
    /// Newest generation of each habit that ever had a job. Kept after the job, so that no
    /// generation is reused.
    generations: BTreeMap<HabitId, i64>,
}

#[derive(Clone, Debug)]
struct Job {
    generation: i64,
    available_at: Timestamp,
    lease_until: Option<Timestamp>,
    attempts: u32,
}

impl Job {
    fn is_free(&self, now: Timestamp) -> bool {
        // A user's history may be ahead of the clock: a job without an attempt is due at once.
        let is_due = self.attempts == 0 || self.available_at <= now;
        let is_held = self.lease_until.is_some_and(|until| now < until);
        is_due && !is_held && !self.is_parked()
    }

    const fn is_parked(&self) -> bool {
        self.attempts >= MAX_ATTEMPTS
    }
}

impl Queue {
    fn push(&mut self, habit: HabitId, now: Timestamp) {
        let generation = self.generations.entry(habit).or_default();
        // Counted up and never reset, so a stalled worker cannot mistake a new job for its own.
        *generation += 1;
        // The lease stays, because its holder still computes: the job is available when that worker
        // finishes as superseded, not before.
        let lease_until = self.jobs.get(&habit).and_then(|job| job.lease_until);
        let job = Job {
            generation: *generation,
            available_at: now,
            lease_until,
            attempts: 0,
        };
        self.jobs.insert(habit, job);
    }

    pub(super) fn remove(&mut self, habit: HabitId) {
        self.jobs.remove(&habit);
    }

    /// Ends the lease of an older generation once its holder is done.
    fn free_superseded(&mut self, held: StreakJob) {
        if let Some(job) = self.jobs.get_mut(&held.habit)
            && job.generation > held.generation
            && job.attempts == 0
        {
            job.lease_until = None;
        }
    }
}

impl UserData {
    /// Queues a habit, unless it is deleted.
    pub(super) fn queue(&mut self, habit: HabitId, now: Timestamp) {
        let stored = self.habits.get_mut(&habit);
        if let Some(habit) = stored.filter(|habit| !habit.stamp.is_deleted()) {
            habit.streak.day = None;
            self.queue.push(habit.id, now);
        }
    }

    /// Queues all live habits and clears the day that was begun.
    pub(super) fn read_days_anew(&mut self, now: Timestamp) {
        self.day_begun = None;
        let habits: Vec<_> = self.habits.keys().copied().collect();
        for habit in habits {
            self.queue(habit, now);
        }
    }

    /// Begins a day; returns the number of queued habits.
    fn begin_day(&mut self, today: Date, now: Timestamp) -> usize {
        self.day_begun = Some(today);
        let recorded_ahead = |entry: &&Entry| {
            let habit = self.habits.get(&entry.details.habit_id);
            let day = habit.and_then(|habit| habit.streak.day);
            !entry.stamp.is_deleted() && day.is_some_and(|day| entry.details.local_date > day)
        };
        let ahead = self.entries.values().filter(recorded_ahead);
        let ahead: BTreeSet<_> = ahead.map(|entry| entry.details.habit_id).collect();
        let may_change = |habit: &&Habit| {
            habit.streak.current > 0
                || is_or_was_a_limit(habit)
                || ahead.contains(&habit.id)
                // A worker that holds the job computes it for the day before.
                || self.queue.jobs.contains_key(&habit.id)
        };
        let live = self
            .habits
            .values()
            .filter(|habit| !habit.stamp.is_deleted());
        let changing: Vec<_> = live.filter(may_change).map(|habit| habit.id).collect();
        for &habit in &changing {
            self.queue(habit, now);
        }
        changing.len()
    }

    fn finish(&mut self, computed: ComputedStreak, now: Timestamp) -> StreakOutcome {
        let ComputedStreak { job, streak } = computed;
        let queued = self.queue.jobs.get(&job.habit);
        if queued.is_none_or(|queued| queued.generation != job.generation) {
            self.queue.free_superseded(job);
            return StreakOutcome::Superseded;
        }
        // Removed before the habit is looked at: also a deleted habit has no job left.
        self.queue.remove(job.habit);
        let stored = self.habits.get_mut(&job.habit);
        let Some(habit) = stored.filter(|habit| !habit.stamp.is_deleted()) else {
            return StreakOutcome::Superseded;
        };
        let before = std::mem::replace(&mut habit.streak, streak);
        // The day alone is not a change that devices have to get.
        if (before.current, before.longest) == (streak.current, streak.longest) {
            return StreakOutcome::Unchanged;
        }
        self.head = self.head.advanced(now);
        (habit.stamp.seq, habit.stamp.updated_at) = (self.head.seq, self.head.changed_at);
        StreakOutcome::Published
    }

    fn release(&mut self, job: StreakJob, available_at: Timestamp) {
        let is_its = |queued: &&mut Job| {
            queued.generation == job.generation
                && queued.attempts == job.attempts
                && queued.lease_until.is_some()
        };
        match self.queue.jobs.get_mut(&job.habit).filter(is_its) {
            Some(queued) => {
                queued.lease_until = None;
                queued.available_at = available_at;
            }
            None => self.queue.free_superseded(job),
        }
    }

    fn border(&self) -> DayBorder {
        let settings = &self.account.settings;
        DayBorder {
            timezone: settings.timezone.clone(),
            day_start: settings.day_start,
        }
    }
}

fn is_or_was_a_limit(habit: &Habit) -> bool {
    let mut versions = habit.details.history.versions();
    versions.any(|version| version.target.direction() == TargetDirection::AtMost)
}

#[async_trait]
impl StreakQueue for MemoryStorage {
    async fn claim_streaks(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<StreakClaim>, StorageError> {
        let limit = limit.try_into().unwrap();
        self.with(|state| {
            let users = state.users.iter_mut();
            let jobs = users.flat_map(|(user, data)| {
                let jobs = data.queue.jobs.iter_mut();
                // Users in order of their ids, so that equal times are claimed in one order in
                // every run.
                jobs.map(|(habit, job)| (*user, *habit, job))
            });
            let mut free: Vec<_> = jobs.filter(|(.., job)| job.is_free(now)).collect();
            let turn = |(user, habit, job): &(UserId, HabitId, &mut Job)| {
                (job.available_at, *user, *habit)
            };
            if limit < free.len() {
                // Selects the first few without sorting a long queue.
                free.select_nth_unstable_by_key(limit, turn);
                free.truncate(limit);
            }
            free.sort_unstable_by_key(turn);
            let mut claims: Vec<StreakClaim> = Vec::new();
            for (user, habit, job) in free {
                job.lease_until = Some(now.plus_seconds(LEASE_SECONDS));
                job.attempts += 1;
                let (generation, attempts) = (job.generation, job.attempts);
                let job = StreakJob {
                    habit,
                    generation,
                    attempts,
                };
                match claims.iter_mut().find(|claim| claim.user == user) {
                    Some(claim) => claim.jobs.push(job),
                    None => claims.push(StreakClaim {
                        user,
                        jobs: vec![job],
                    }),
                }
            }
            claims
        })
    }

    async fn finish_streaks(
        &self,
        user: UserId,
        computed: Vec<ComputedStreak>,
        now: Timestamp,
    ) -> Result<Vec<StreakOutcome>, StorageError> {
        // A deleted account has no jobs: every result is outdated.
        let gone = vec![StreakOutcome::Superseded; computed.len()];
        let outcomes = self.with_user(user, |data| {
            let finish = |one| data.finish(one, now);
            computed.into_iter().map(finish).collect()
        })?;
        Ok(outcomes.unwrap_or(gone))
    }

    async fn release_streaks(
        &self,
        user: UserId,
        jobs: Vec<StreakJob>,
        available_at: Timestamp,
    ) -> Result<(), StorageError> {
        let release = |data: &mut UserData| {
            for job in jobs {
                data.release(job, available_at);
            }
        };
        self.with_user(user, release).map(|_| ())
    }

    async fn streak_backlog(&self) -> Result<Backlog, StorageError> {
        self.with(|state| {
            let users = state.users.values();
            let jobs = users.flat_map(|data| data.queue.jobs.values());
            let (parked, waiting): (Vec<_>, Vec<_>) = jobs.partition(|job| job.is_parked());
            Backlog {
                waiting: waiting.len() as u64,
                due_since: waiting.iter().map(|job| job.available_at).min(),
                parked: parked.len() as u64,
            }
        })
    }

    async fn day_borders(&self) -> Result<Vec<DayBorder>, StorageError> {
        self.with(|state| {
            let borders = state.users.values().map(UserData::border);
            let by_name = |border: DayBorder| {
                let zone = border.timezone.name().to_owned();
                ((zone, border.day_start.minutes()), border)
            };
            // Sorted by name, because the zone itself has no order.
            let borders: BTreeMap<_, _> = borders.map(by_name).collect();
            borders.into_values().collect()
        })
    }

    async fn begin_day(
        &self,
        border: &DayBorder,
        today: Date,
        limit: u32,
        now: Timestamp,
    ) -> Result<bool, StorageError> {
        let limit = limit.try_into().unwrap();
        self.with(|state| {
            let is_meant = |data: &&mut UserData| {
                data.day_begun.is_none_or(|day| day < today) && data.border() == *border
            };
            let mut touched = 0;
            for data in state.users.values_mut().filter(is_meant) {
                if touched >= limit {
                    return true;
                }
                // The user counts as well, so that users without habits fill a step too.
                touched += 1 + data.begin_day(today, now);
            }
            touched >= limit
        })
    }
}

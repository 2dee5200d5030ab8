//! Streaks are exact in the end, even if workers die.

use kanso_application::ports::storage::{
    EntryFilter, HabitQuery, LEASE_SECONDS, Storage, StreakJob,
};
use kanso_domain::calendar::{Today, days_before};
use kanso_domain::entries::EntryFields;
use kanso_domain::habits::{
    FrequencyType, Habit, HabitFields, HabitType, ScheduleFields, StoredStreak, TargetDirection,
    TargetFields,
};
use kanso_domain::progress::{DayLog, HabitProgress};
use kanso_domain::sync::{Action, Base};
use kanso_domain::{Quantity, Timestamp, UserId};

use super::test_user::{TestUser, claimed};
use crate::build::{
    create_entry, create_habit, delete_entry, delete_habit, done, entry, habit, noon, once, titled,
    update_habit,
};

/// Workers die after a claim or after the computation while users write and days begin; once the
/// queue is empty, every stored streak equals a fresh computation.
pub async fn workers_may_die_at_any_step(storage: &dyn Storage) {
    for seed in 1..=4 {
        let person = TestUser::register(storage, u128::from(seed)).await;
        let mut scenario = Scenario {
            person,
            chance: Xorshift(seed),
            now: noon(),
            entries: 0,
            stalled: Vec::new(),
        };
        for number in 1..=HABITS {
            let fields = scenario.fields();
            scenario.submit(create_habit(habit(number), fields)).await;
        }
        for _ in 0..150 {
            scenario.step().await;
        }
        scenario.drain().await;
        scenario.check().await;
        scenario.new_day().await;
        scenario.drain().await;
        scenario.check().await;
    }
}

const HABITS: u128 = 4;

/// A reproducible random scenario.
struct Scenario<'a> {
    person: TestUser<'a>,
    chance: Xorshift,
    now: Timestamp,
    entries: u128,
    /// Jobs of workers that computed and have not finished yet.
    stalled: Vec<(UserId, StreakJob, StoredStreak)>,
}

impl Scenario<'_> {
    async fn step(&mut self) {
        match self.chance.below(10) {
            0..=4 => {
                let action = self.action();
                self.submit(action).await;
            }
            // Two such steps end a lease, so some jobs are taken over and some are not.
            5 => self.now = self.now.plus_seconds(LEASE_SECONDS / 2),
            6 => self.new_day().await,
            7 => self.come_back().await,
            _ => self.work().await,
        }
    }

    /// A worker claims, and then dies, stalls with its result, releases or finishes.
    async fn work(&mut self) {
        let storage = self.person.storage;
        for (id, job) in claimed(storage, self.now, 2).await {
            let holder = TestUser { storage, id };
            match self.chance.below(4) {
                // Died after the claim: only the end of the lease frees the job.
                0 => {}
                1 => {
                    let computed = computed(holder, job, self.now).await;
                    // Stalled after the computation: its result must be superseded if the habit
                    // changes meanwhile.
                    self.stalled
                        .extend(computed.map(|computed| (id, job, computed)));
                }
                2 => holder.release(job, self.now).await,
                _ => self.finish(holder, job).await,
            }
        }
    }

    async fn finish(&self, holder: TestUser<'_>, job: StreakJob) {
        let computed = computed(holder, job, self.now).await;
        let computed = computed.unwrap_or_default();
        holder.finish(job, computed, self.now).await;
    }

    /// A stalled worker finishes its old job.
    async fn come_back(&mut self) {
        if let Some((id, job, computed)) = self.stalled.pop() {
            let storage = self.person.storage;
            TestUser { storage, id }
                .finish(job, computed, self.now)
                .await;
        }
    }

    async fn new_day(&mut self) {
        self.now = self.now.plus_seconds(86_400);
        let storage = self.person.storage;
        for border in storage.day_borders().await.unwrap() {
            // The day is computed by the user's own settings, as the worker does.
            let settings = storage.account(self.person.id).await.unwrap().unwrap();
            let today = Today::at(self.now, &settings.settings).date;
            // In small steps, because the users of the earlier scenarios exist as well.
            while storage
                .begin_day(&border, today, 3, self.now)
                .await
                .unwrap()
            {}
        }
    }

    /// Lets the leases expire and finishes all jobs, with stalled workers in between.
    async fn drain(&mut self) {
        let storage = self.person.storage;
        if storage.streak_backlog().await.unwrap().parked > 0 {
            // A parked job waits for a change of its habit.
            for number in 1..=HABITS {
                let update = update_habit(habit(number), Base::Any, titled("Read more"));
                self.submit(update).await;
            }
        }
        loop {
            self.now = self.now.plus_seconds(LEASE_SECONDS);
            self.come_back().await;
            let jobs = claimed(storage, self.now, 2).await;
            if jobs.is_empty() {
                break;
            }
            for (id, job) in jobs {
                self.finish(TestUser { storage, id }, job).await;
            }
        }
        while !self.stalled.is_empty() {
            self.come_back().await;
        }
        let backlog = storage.streak_backlog().await.unwrap();
        assert_eq!((backlog.waiting, backlog.parked), (0, 0));
    }

    async fn check(&self) {
        let TestUser { storage, id } = self.person;
        let settings = storage.account(id).await.unwrap().unwrap().settings;
        let today = Today::at(self.now, &settings).date;
        // Archived habits as well: their stored streak is delivered too.
        for habit in storage.habits(id, HabitQuery::all(true)).await.unwrap() {
            let filter = EntryFilter {
                habit_id: Some(habit.id),
                ..EntryFilter::default()
            };
            let entries = self.person.entries(filter).await;
            let fresh = HabitProgress::new(&habit, DayLog::of(&entries), &settings, today).streak();
            let stored = (habit.streak.current, habit.streak.longest);
            assert_eq!(stored, (fresh.current, fresh.longest), "{habit:?}");
            assert!(habit.streak.day.is_some());
        }
    }

    async fn submit(&self, action: Action) {
        let operations = vec![once(action)];
        self.person.submit_at(self.now, operations).await;
    }

    fn action(&mut self) -> Action {
        let of = habit(self.chance.below(HABITS.try_into().unwrap()).into());
        match self.chance.below(12) {
            0 => update_habit(of, Base::Any, self.fields()),
            // Rare, because a deleted habit never comes back in this scenario.
            1 if self.chance.below(8) == 0 => delete_habit(of, Base::Any),
            1..=2 => {
                let number = self.chance.below(50).into();
                delete_entry(entry(number), Base::Any)
            }
            _ => {
                self.entries += 1;
                // Some entries are recorded ahead.
                let ahead = self.now.plus_seconds(86_400).utc_date();
                let back = i32::try_from(self.chance.below(6)).unwrap();
                let date = days_before(ahead, back).to_string();
                let value = i64::from(self.chance.below(3)) * 1_000;
                let fields = EntryFields {
                    value: Quantity::from_thousandths(value).ok(),
                    ..done(of, &date)
                };
                create_entry(entry(self.entries), fields)
            }
        }
    }

    fn fields(&mut self) -> HabitFields {
        let direction = [TargetDirection::AtLeast, TargetDirection::AtMost];
        let frequency = [FrequencyType::Daily, FrequencyType::Weekly];
        HabitFields {
            schedule: ScheduleFields {
                frequency_type: Some(frequency[self.chance.either()]),
                ..ScheduleFields::default()
            },
            target: TargetFields {
                kind: Some(HabitType::Numeric),
                value: Some(Quantity::ONE),
                direction: Some(direction[self.chance.either()]),
            },
            ..titled("Read")
        }
    }
}

/// Computes a streak as a worker does; `None` if the habit is deleted.
async fn computed(person: TestUser<'_>, job: StreakJob, now: Timestamp) -> Option<StoredStreak> {
    let journal = person.storage.journal(person.id, Some(&[job.habit])).await;
    let journal = journal.unwrap()?;
    let today = Today::at(now, &journal.settings).date;
    let habit: &Habit = journal.habits.first()?;
    let entries = journal.entries.get(&habit.id).into_iter().flatten();
    let log: DayLog = entries
        .map(|entry| (entry.local_date, entry.kind, entry.value))
        .collect();
    let streak = HabitProgress::new(habit, log, &journal.settings, today).streak();
    Some(StoredStreak {
        current: streak.current,
        longest: streak.longest,
        day: Some(today),
    })
}

/// Reproducible pseudo-random numbers (xorshift).
struct Xorshift(u32);

impl Xorshift {
    fn below(&mut self, bound: u32) -> u32 {
        // Marsaglia's xorshift32: three shifts, no dependency, the same numbers on every platform.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 % bound
    }

    fn either(&mut self) -> usize {
        usize::from(self.below(2) == 0)
    }
}

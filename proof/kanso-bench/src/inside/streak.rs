//! Computation of a streak and a rate from ten years of entries.

use std::hint::black_box;

use anyhow::Context as _;
use kanso_application::ports::storage::{AccountStore as _, RecordStore as _};
use kanso_domain::calendar::days_before;
use kanso_domain::progress::{DayLog, HabitProgress};
use kanso_domain::sync::LoadSet;
use kanso_testkit::MemoryStorage;
use kanso_testkit::build::{
    create_entry, create_habit, done, entry, habit, new_account, noon, once, titled, user,
};

use crate::clock::{micros, now};
use crate::timing::Timing;

const DAYS: i32 = 3_650;
const RUNS: usize = 2_000;

/// Measures the computation alone; the journal is read before.
pub(super) fn measure() -> anyhow::Result<Timing> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let journal = runtime.block_on(async {
        let storage = MemoryStorage::default();
        storage.create_account(new_account(1)).await?;
        let mut actions = vec![create_habit(habit(1), titled("Read"))];
        for back in 0..DAYS {
            let date = days_before(noon().utc_date(), back).to_string();
            let id = entry(back.unsigned_abs().into());
            actions.push(create_entry(id, done(habit(1), &date)));
        }
        let operations: Vec<_> = actions.into_iter().map(once).collect();
        let load_set = LoadSet::of(&operations);
        let decide = move |current| Ok(kanso_domain::sync::decide(current, &operations, noon()));
        storage
            .write(user(1), load_set, std::sync::Arc::new(decide))
            .await?;
        let journal = storage.journal(user(1), None).await?;
        journal.context("the account has no journal")
    })?;
    let (habit, today) = (&journal.habits[0], noon().utc_date());
    // Allocated before the first measurement.
    let mut times = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let began = now();
        // black_box keeps the compiler from computing the result once for all runs.
        let entries = black_box(&journal.entries[&habit.id]).iter();
        let log: DayLog = entries
            .map(|entry| (entry.local_date, entry.kind, entry.value))
            .collect();
        let progress = HabitProgress::new(habit, log, &journal.settings, today);
        let (streak, rate) = black_box((progress.streak(), progress.overall_rate()));
        times.push(micros(began.elapsed()));
        anyhow::ensure!(
            streak.current == rate.done && i64::from(rate.done) == i64::from(DAYS),
            "a streak of {DAYS} days is {streak:?}"
        );
    }
    Ok(Timing::new(
        "streak and rate of 3,650 entries",
        "p50 ≤ 0.2 ms",
        times,
    ))
}

//! Measures a journal, a claim and the beginning of a day.
//!
//! `cargo run --release -p kanso-sqlite --example journal`

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program that prints what it measured, or stops"
)]

use std::sync::Arc;
use std::time::Duration;

use kanso_application::ports::storage::{
    AccountStore as _, ComputedStreak, RecordStore as _, StreakQueue as _,
};
use kanso_domain::calendar::days_before;
use kanso_domain::sync::{Action, Epoch, LoadSet, decide};
use kanso_domain::{Date, UserId};
use kanso_sqlite::{SqliteOptions, SqliteStorage};
use kanso_testkit::build::{
    create_entry, create_habit, done, entry, habit, new_account, noon, once, streak, titled, user,
};
use tokio::task::JoinSet;
use tokio::time::Instant;

const HABITS: u128 = 20;
const USERS: u128 = 5_000;

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteOptions::new(folder.path().join("kanso.db"), Epoch::new(1));
    let storage = Arc::new(SqliteStorage::open(&options).unwrap());
    for (number, days) in [(1, 366), (2, 3_660)] {
        record(&storage, number, days).await;
        let whole = timed(200, || storage.journal(user(number), None)).await;
        let all: Vec<_> = (1..=HABITS).map(habit).collect();
        let one = timed(200, || storage.journal(user(number), Some(&all[6..7]))).await;
        let each = timed(200, || storage.journal(user(number), Some(&all))).await;
        println!(
            "{HABITS} habits, {days} days: journal {whole:.2?}, habit by habit {each:.2?}, of one {one:.2?}"
        );
    }
    begin_days(&storage).await;
}

/// Measures the journal of a user with 20 habits that were done every day.
async fn record(storage: &SqliteStorage, number: u128, days: i32) {
    let today: Date = noon().utc_date();
    let created = storage.create_account(new_account(number)).await.unwrap();
    assert!(created);
    let habits = (1..=HABITS).map(|id| create_habit(habit(id), titled("Read")));
    submit(storage, user(number), habits.collect()).await;
    for back in 0..days {
        let date = days_before(today, back).to_string();
        let entries = (1..=HABITS).map(|of| {
            // Ids of many devices are in no order of habit or day.
            let nth = u128::from(back.unsigned_abs()) * HABITS + of;
            let id = entry(nth.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835));
            create_entry(id, done(habit(of), &date))
        });
        submit(storage, user(number), entries.collect()).await;
    }
}

/// Measures the beginning of a day for a hundred thousand habits.
async fn begin_days(storage: &Arc<SqliteStorage>) {
    for number in 10..10 + USERS {
        storage.create_account(new_account(number)).await.unwrap();
        let habits = (1..=HABITS).map(|id| create_habit(habit(id), titled("Read")));
        submit(storage, user(number), habits.collect()).await;
    }
    let (mut claiming, mut finishing, mut count) = (Duration::ZERO, Duration::ZERO, 0_u32);
    loop {
        let start = Instant::now();
        let claims = storage.claim_streaks(noon(), 100).await.unwrap();
        claiming += start.elapsed();
        let is_over = claims.is_empty();
        let start = Instant::now();
        let mut tasks = JoinSet::new();
        for claim in claims {
            count += u32::try_from(claim.jobs.len()).unwrap();
            let storage = Arc::clone(storage);
            let streak = streak(3, 3, "2026-01-15");
            let computed = claim.jobs.into_iter();
            let computed = computed.map(|job| ComputedStreak { job, streak }).collect();
            tasks.spawn(async move { storage.finish_streaks(claim.user, computed, noon()).await });
        }
        assert!(tasks.join_all().await.iter().all(Result::is_ok));
        finishing += start.elapsed();
        if is_over {
            break;
        }
    }
    println!("{count} streaks claimed by hundreds in {claiming:.2?}, finished in {finishing:.2?}");
    let borders = storage.day_borders().await.unwrap();
    let today = "2026-01-16".parse().unwrap();
    let (start, mut longest) = (Instant::now(), Duration::ZERO);
    loop {
        let turn = Instant::now();
        let begun = storage.begin_day(&borders[0], today, 256, noon()).await;
        longest = longest.max(turn.elapsed());
        if !begun.unwrap() {
            break;
        }
    }
    let (all, waiting) = (start.elapsed(), storage.streak_backlog().await.unwrap());
    println!("{waiting:?} after a day began in {all:.2?}, no turn longer than {longest:.2?}");
}

async fn submit(storage: &SqliteStorage, user: UserId, commands: Vec<Action>) {
    let operations: Vec<_> = commands.into_iter().map(once).collect();
    let keys = LoadSet::of(&operations);
    let decide = Arc::new(move |current| Ok(decide(current, &operations, noon())));
    storage.write(user, keys, decide).await.unwrap();
}

/// Returns the median of some runs.
async fn timed<F: Future>(runs: usize, run: impl Fn() -> F) -> Duration {
    let mut times = Vec::with_capacity(runs);
    for _ in 0..runs {
        let start = Instant::now();
        run().await;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    times[runs / 2]
}

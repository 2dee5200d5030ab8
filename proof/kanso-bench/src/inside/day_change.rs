//! Midnight for all users: every streak ends, while users continue to pull and push.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use kanso_application::ports::storage::{AccountStore as _, HabitQuery, RecordStore as _, Scope};
use kanso_application::sync::{ReadPosition, Sync};
use kanso_domain::UserId;
use kanso_testkit::build::{
    at, create_entry, create_habit, done, entry, habit, new_account, once, titled, user,
};
use tokio::runtime::{Handle, Runtime};

use super::system::{RunningSystem, SeedDatabase, USERS, anonymous, runtime};
use crate::clock::{micros, now};
use crate::timing::Timing;

/// Time for which requests are measured before midnight.
const QUIET: Duration = Duration::from_secs(4);
/// Pause from one pull, or push, to the next.
const PAUSE: Duration = Duration::from_millis(4);

/// Measures one midnight. The clock jumps over a day without entries, so every streak ends.
pub(super) fn measure(seed: &SeedDatabase) -> anyhow::Result<Vec<Timing>> {
    let runtime = runtime()?;
    let system = runtime.block_on(async { RunningSystem::open(&seed.copy()?) })?;
    runtime.block_on(async { system.start_workers() });
    let writer = runtime.block_on(create_writer(&system))?;
    let quiet = ForegroundLoad::start(&runtime, &system, writer, 0);
    // The quiet phase is the baseline: the same requests at the same rate without the midnight.
    thread::sleep(QUIET);
    let quiet = quiet.stop()?;

    // Started before the clock moves, so that the first slow requests are not missed.
    let during = ForegroundLoad::start(&runtime, &system, writer, 1);
    let began = now();
    system.clock.set(at("2026-01-17T00:00:01Z"));
    runtime.block_on(wait_until_all_ended(&system))?;
    let took = began.elapsed();
    let during = during.stop()?;
    runtime.block_on(check(&system))?;
    runtime.block_on(system.close())?;
    Ok(timings(took, quiet, during))
}

fn timings(took: Duration, quiet: Times, during: Times) -> Vec<Timing> {
    let pull = Timing::new("pull", "", quiet.pulls);
    let push = Timing::new("push", "", quiet.pushes);
    let rollover = Timing::new("midnight of 100,000 habits", "≤ 10 s", vec![micros(took)]);
    let pulls = Timing::new("  a pull meanwhile", "p99 ≤ 2 × quiet", during.pulls).against(&pull);
    let pushes = Timing::new("  a push meanwhile", "", during.pushes).against(&push);
    vec![pull, push, rollover, pulls, pushes]
}

/// Creates the user who pushes during the measurement.
async fn create_writer(system: &RunningSystem) -> anyhow::Result<UserId> {
    let number = USERS + 1;
    system.storage.create_account(new_account(number)).await?;
    let create = once(create_habit(habit(1), titled("Run")));
    let made = system
        .sync
        .exchange(anonymous(user(number)), 1, vec![create]);
    anyhow::ensure!(
        made.await?.is_ok(),
        "a caller without a cursor got the error of another epoch"
    );
    system.wait_for_backlog(0).await?;
    Ok(user(number))
}

/// Waits until every streak has ended.
///
/// Days begin in the order of the users, so the last user's habits end last. The queue is counted
/// only after them, because counting a long queue would take a core from the measured requests.
async fn wait_until_all_ended(system: &RunningSystem) -> anyhow::Result<()> {
    loop {
        // A read of one user costs little, so it does not disturb the measured requests.
        let last = system
            .storage
            .habits(user(USERS), HabitQuery::all(true))
            .await?;
        if last.iter().all(|habit| habit.streak.current == 0) {
            // One streak may wait: that of the user who pushes all the time.
            return system.wait_for_backlog(1).await;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Checks that every current streak is 0 and that the longest one is kept.
async fn check(system: &RunningSystem) -> anyhow::Result<()> {
    for number in 1..=USERS {
        for habit in system
            .storage
            .habits(user(number), HabitQuery::all(true))
            .await?
        {
            let is_right = habit.streak.current == 0 && habit.streak.longest == 3;
            anyhow::ensure!(is_right, "a streak is wrong after midnight: {habit:?}");
        }
    }
    Ok(())
}

/// Durations of requests, in microseconds.
#[derive(Debug, Default)]
struct Times {
    pulls: Vec<u32>,
    pushes: Vec<u32>,
}

/// A thread that pulls and a thread that pushes, each at fixed times. They are outside of the runtime,
/// so that a request waits for its turn there as a request from the network does.
struct ForegroundLoad {
    stop: Arc<AtomicBool>,
    pulls: thread::JoinHandle<anyhow::Result<Vec<u32>>>,
    pushes: thread::JoinHandle<anyhow::Result<Vec<u32>>>,
}

impl ForegroundLoad {
    fn start(runtime: &Runtime, system: &RunningSystem, writer: UserId, round: u128) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let pulls = {
            let (handle, sync) = (runtime.handle().clone(), system.sync.clone());
            let stop = stop.clone();
            thread::spawn(move || paced(&stop, |nth| pull(&handle, &sync, nth)))
        };
        let pushes = {
            let (handle, sync) = (runtime.handle().clone(), system.sync.clone());
            let stop = stop.clone();
            // Entry ids of another round must differ, or the creates would be conflicts.
            let first = round << 64;
            thread::spawn(move || paced(&stop, |nth| push(&handle, &sync, writer, first + nth)))
        };
        Self {
            stop,
            pulls,
            pushes,
        }
    }

    fn stop(self) -> anyhow::Result<Times> {
        self.stop.store(true, Ordering::Relaxed);
        let panicked = |_| anyhow::anyhow!("a request panicked");
        Ok(Times {
            pulls: self.pulls.join().map_err(panicked)??,
            pushes: self.pushes.join().map_err(panicked)??,
        })
    }
}

fn paced(
    stop: &AtomicBool,
    mut request: impl FnMut(u128) -> anyhow::Result<()>,
) -> anyhow::Result<Vec<u32>> {
    let mut times = Vec::new();
    let mut due = now();
    for nth in 1.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        due = wait(due);
        request(nth)?;
        // Measured from the time at which it was due. A request that starts late because the one
        // before was slow has waited as well (coordinated omission).
        times.push(micros(due.elapsed()));
    }
    Ok(times)
}

fn wait(due: Instant) -> Instant {
    let next = due + PAUSE;
    thread::sleep(next.saturating_duration_since(now()));
    next
}

/// Pulls all records of a user: 20 habits and 60 entries.
fn pull(handle: &Handle, sync: &Sync, nth: u128) -> anyhow::Result<()> {
    // 7,919 is prime and does not divide the number of users, so the pulls visit all users.
    let user = user(nth.wrapping_mul(7_919) % USERS + 1);
    let sync = sync.clone();
    let page = handle.block_on(handle.spawn(async move {
        // Habits, entries and settings, as a device pulls them.
        let everything = Scope::Everything;
        sync.delta(user, ReadPosition::Beginning, everything, Some(1_000))
            .await
    }))??;
    let page = page
        .ok()
        .context("a caller without a cursor got the error of another epoch")?;
    anyhow::ensure!(
        page.records.len() == 80,
        "a pull has {}",
        page.records.len()
    );
    Ok(())
}

fn push(handle: &Handle, sync: &Sync, writer: UserId, nth: u128) -> anyhow::Result<()> {
    let create = once(create_entry(entry(nth), done(habit(1), "2026-01-15")));
    let sync = sync.clone();
    let outcome = handle.block_on(
        handle.spawn(async move { sync.exchange(anonymous(writer), 1, vec![create]).await }),
    )??;
    anyhow::ensure!(
        outcome.is_ok(),
        "a caller without a cursor got the error of another epoch"
    );
    Ok(())
}

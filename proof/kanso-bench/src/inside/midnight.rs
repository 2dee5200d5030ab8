//! Midnight for a whole town: every streak ends, while people go on pulling and pushing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use kanso_application::ports::storage::{AccountStore as _, RecordStore as _, Scope};
use kanso_application::sync::{ReadPosition, Sync};
use kanso_domain::UserId;
use kanso_testkit::build::{
    at, create_entry, create_habit, done, entry, habit, new_account, once, titled, user,
};
use tokio::runtime::{Handle, Runtime};

use super::Timing;
use super::town::{Life, PEOPLE, Town, anonymous, runtime};
use crate::load::{micros, now};

/// How long people are watched before midnight.
const QUIET: Duration = Duration::from_secs(4);
/// From one pull, or push, to the next.
const PAUSE: Duration = Duration::from_millis(4);

/// One midnight. Two days have passed since anybody did anything, so no streak goes on.
pub(super) fn measure(town: &Town) -> anyhow::Result<Vec<Timing>> {
    let runtime = runtime()?;
    let life = runtime.block_on(async { Life::begin(&town.copy()?) })?;
    runtime.block_on(async { life.work() });
    let who = runtime.block_on(newcomer(&life))?;
    let quiet = Crowd::gather(&runtime, &life, who, 0);
    thread::sleep(QUIET);
    let quiet = quiet.leave()?;

    let during = Crowd::gather(&runtime, &life, who, 1);
    let began = now();
    life.clock.set(at("2026-01-17T00:00:01Z"));
    runtime.block_on(everybody_is_done(&life))?;
    let took = began.elapsed();
    let during = during.leave()?;
    runtime.block_on(check(&life))?;
    runtime.block_on(life.end())?;
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

/// Somebody who pushes, with a habit that is kept on both days.
async fn newcomer(life: &Life) -> anyhow::Result<UserId> {
    let number = PEOPLE + 1;
    life.storage.create_account(new_account(number)).await?;
    let create = once(create_habit(habit(1), titled("Run")));
    let made = life.sync.exchange(anonymous(user(number)), 1, vec![create]);
    anyhow::ensure!(made.await?.is_ok(), "a newcomer has seen nothing");
    life.rest(0).await?;
    Ok(user(number))
}

/// Days are begun in the order of the people, so the last one's are the last. The queue is counted
/// only then: to count it while it is long would take a core from those who are measured.
async fn everybody_is_done(life: &Life) -> anyhow::Result<()> {
    loop {
        let last = life.storage.habits(user(PEOPLE), true).await?;
        if last.iter().all(|habit| habit.streak.current == 0) {
            // Whoever pushes all the time has a streak that always waits.
            return life.rest(1).await;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Every streak has ended.
async fn check(life: &Life) -> anyhow::Result<()> {
    for number in 1..=PEOPLE {
        for habit in life.storage.habits(user(number), true).await? {
            let is_right = habit.streak.current == 0 && habit.streak.longest == 3;
            anyhow::ensure!(is_right, "a streak went on: {habit:?}");
        }
    }
    Ok(())
}

/// What requests took, in microseconds.
#[derive(Debug, Default)]
struct Times {
    pulls: Vec<u32>,
    pushes: Vec<u32>,
}

/// One thread that pulls and one that pushes, each at its pace, however long an answer takes. They
/// are no part of the runtime, so that a request waits for its turn there as one from outside does.
struct Crowd {
    leaves: Arc<AtomicBool>,
    pulls: thread::JoinHandle<anyhow::Result<Vec<u32>>>,
    pushes: thread::JoinHandle<anyhow::Result<Vec<u32>>>,
}

impl Crowd {
    fn gather(runtime: &Runtime, life: &Life, who: UserId, round: u128) -> Self {
        let leaves = Arc::new(AtomicBool::new(false));
        let pulls = {
            let (handle, sync) = (runtime.handle().clone(), life.sync.clone());
            let leaves = leaves.clone();
            thread::spawn(move || paced(&leaves, |nth| pull(&handle, &sync, nth)))
        };
        let pushes = {
            let (handle, sync) = (runtime.handle().clone(), life.sync.clone());
            let leaves = leaves.clone();
            let first = round << 64;
            thread::spawn(move || paced(&leaves, |nth| push(&handle, &sync, who, first + nth)))
        };
        Self {
            leaves,
            pulls,
            pushes,
        }
    }

    fn leave(self) -> anyhow::Result<Times> {
        self.leaves.store(true, Ordering::Relaxed);
        let broke = |_| anyhow::anyhow!("a request broke");
        Ok(Times {
            pulls: self.pulls.join().map_err(broke)??,
            pushes: self.pushes.join().map_err(broke)??,
        })
    }
}

fn paced(
    leaves: &AtomicBool,
    mut request: impl FnMut(u128) -> anyhow::Result<()>,
) -> anyhow::Result<Vec<u32>> {
    let mut times = Vec::new();
    let mut due = now();
    for nth in 1.. {
        if leaves.load(Ordering::Relaxed) {
            break;
        }
        due = wait(due);
        request(nth)?;
        // From when it was due: one that is late because of the one before has waited as well.
        times.push(micros(due.elapsed()));
    }
    Ok(times)
}

fn wait(due: Instant) -> Instant {
    let next = due + PAUSE;
    thread::sleep(next.saturating_duration_since(now()));
    next
}

/// Everything of somebody: 20 habits and 60 entries. After midnight all streaks are old.
fn pull(handle: &Handle, sync: &Sync, nth: u128) -> anyhow::Result<()> {
    let somebody = user(nth.wrapping_mul(7_919) % PEOPLE + 1);
    let sync = sync.clone();
    let page = handle.block_on(handle.spawn(async move {
        let everything = Scope::Everything;
        sync.delta(somebody, ReadPosition::Beginning, everything, Some(1_000))
            .await
    }))??;
    let page = page.ok().context("nobody has seen another history")?;
    anyhow::ensure!(
        page.records.len() == 80,
        "a pull has {}",
        page.records.len()
    );
    Ok(())
}

fn push(handle: &Handle, sync: &Sync, who: UserId, nth: u128) -> anyhow::Result<()> {
    let create = once(create_entry(entry(nth), done(habit(1), "2026-01-15")));
    let sync = sync.clone();
    let pushed = handle.block_on(
        handle.spawn(async move { sync.exchange(anonymous(who), 1, vec![create]).await }),
    )??;
    anyhow::ensure!(pushed.is_ok(), "nobody has seen another history");
    Ok(())
}

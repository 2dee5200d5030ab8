//! Jobs that fail, and workers that stop.

use std::time::Duration;

use kanso_application::ports::clock::Clock as _;
use kanso_application::ports::storage::StreakQueue as _;
use kanso_testkit::build::{habit, titled};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::storage::InjectedFault;
use crate::world::World;

#[tokio::test(start_paused = true)]
async fn failing_job_is_parked_and_blocks_no_other() {
    for fault in [
        InjectedFault::Fails,
        InjectedFault::Panics,
        InjectedFault::FailsToStore,
    ] {
        let world = World::new();
        let user = world.user(1).await;
        // All jobs are claimed together, with the bad one in the middle.
        let bad = habit(3);
        for id in (1..=5).map(habit) {
            world.habit(user, id, titled("Read")).await;
            world.done(user, id, "2026-01-15").await;
        }
        world.storage.fault(Some((bad, fault)));
        let stop = CancellationToken::new();
        let loops = world.start(&stop);
        world.settled().await;
        let backlog = world.backlog().await;
        assert_eq!((backlog.waiting, backlog.parked), (0, 1), "{fault:?}");
        for good in [1, 2, 4, 5].map(habit) {
            assert_eq!(world.stored(user, good).await.streak.current, 1);
        }

        // The next change of the habit queues the job again.
        world.storage.fault(None);
        world.done(user, bad, "2026-01-14").await;
        world.settled().await;
        assert_eq!(world.backlog().await.parked, 0, "{fault:?}");
        assert_eq!(world.stored(user, bad).await.streak.current, 2);
        stop.cancel();
        loops.wait().await;
    }
}

#[tokio::test(start_paused = true)]
async fn work_begins_when_the_signal_has_settled() {
    let world = World::new();
    let user = world.user(1).await;
    let stop = CancellationToken::new();
    let loops = world.start(&stop);
    sleep(Duration::from_millis(1)).await;
    world.habit(user, habit(1), titled("Read")).await;
    world.done(user, habit(1), "2026-01-15").await;
    sleep(Duration::from_millis(600)).await;
    assert_eq!(world.stored(user, habit(1)).await.streak.current, 1);
    stop.cancel();
    loops.wait().await;
}

#[tokio::test(start_paused = true)]
async fn stopping_workers_release_their_jobs() {
    let world = World::new();
    let mut users = Vec::new();
    for number in 1..=10 {
        users.push(world.user(number).await);
    }
    let stop = CancellationToken::new();
    let loops = world.start(&stop);
    // Lets the loop begin the days, so that the later one finds none to begin.
    sleep(Duration::from_secs(1)).await;
    stop.cancel();
    loops.wait().await;
    for &user in &users {
        for number in 1..=10 {
            world.habit(user, habit(number), titled("Read")).await;
        }
    }
    // No journal can be read, so all running computations block.
    let closed = world.storage.read_gate.write().await;
    let stop = CancellationToken::new();
    let loops = world.start(&stop);
    sleep(Duration::from_secs(5)).await;
    stop.cancel();
    sleep(Duration::from_secs(5)).await;
    assert!(!loops.is_empty(), "running computations are finished");
    drop(closed);
    loops.wait().await;
    let backlog = world.backlog().await;
    assert_eq!(
        backlog.waiting, 90,
        "only the running jobs, those of one user, are done"
    );
    let free = world
        .storage
        .records()
        .claim_streaks(world.clock.now(), 1000)
        .await;
    let free = free.expect("jobs");
    let free: usize = free.iter().map(|claim| claim.jobs.len()).sum();
    assert_eq!(free, 90, "no job is leased");
}

#[tokio::test(start_paused = true)]
async fn a_long_queue_is_drained_without_a_pause() {
    let world = World::new();
    let user = world.user(1).await;
    for number in 0..500 {
        world.habit(user, habit(number), titled("Read")).await;
        world.done(user, habit(number), "2026-01-15").await;
    }
    assert_eq!(world.backlog().await.waiting, 500);
    let stop = CancellationToken::new();
    let loops = world.start(&stop);
    sleep(Duration::from_millis(1)).await;
    assert_eq!(world.backlog().await.waiting, 0);
    world.must_be_exact(user).await;
    stop.cancel();
    loops.wait().await;
}

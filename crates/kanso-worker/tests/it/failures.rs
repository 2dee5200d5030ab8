//! Jobs that cannot be done, and workers that are stopped.

use std::time::Duration;

use kanso_application::ports::clock::Clock as _;
use kanso_application::ports::storage::StreakQueue as _;
use kanso_testkit::build::{habit, titled};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::storage::Trouble;
use crate::world::World;

#[tokio::test(start_paused = true)]
async fn a_job_that_always_fails_is_parked_and_holds_nothing_up() {
    for trouble in [Trouble::Fails, Trouble::Panics, Trouble::FailsToStore] {
        let world = World::new();
        let user = world.person(1).await;
        // All of them are claimed together, and the bad one stands in the middle.
        let bad = habit(3);
        for id in (1..=5).map(habit) {
            world.habit(user, id, titled("Read")).await;
            world.done(user, id, "2026-01-15").await;
        }
        world.storage.trouble(Some((bad, trouble)));
        let stop = CancellationToken::new();
        let loops = world.start(&stop);
        world.settled().await;
        let backlog = world.backlog().await;
        assert_eq!((backlog.waiting, backlog.parked), (0, 1), "{trouble:?}");
        for good in [1, 2, 4, 5].map(habit) {
            assert_eq!(world.stored(user, good).await.streak.current, 1);
        }

        // The next change gives it another chance.
        world.storage.trouble(None);
        world.done(user, bad, "2026-01-14").await;
        world.settled().await;
        assert_eq!(world.backlog().await.parked, 0, "{trouble:?}");
        assert_eq!(world.stored(user, bad).await.streak.current, 2);
        stop.cancel();
        loops.wait().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_ring_is_heard_when_it_has_faded() {
    let world = World::new();
    let user = world.person(1).await;
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
async fn workers_that_stop_give_back_what_they_hold() {
    let world = World::new();
    let mut users = Vec::new();
    for number in 1..=10 {
        users.push(world.person(number).await);
    }
    let stop = CancellationToken::new();
    let loops = world.start(&stop);
    // The days are begun; they will not be once more.
    sleep(Duration::from_secs(1)).await;
    stop.cancel();
    loops.wait().await;
    for &user in &users {
        for number in 1..=10 {
            world.habit(user, habit(number), titled("Read")).await;
        }
    }
    // Nobody gets to read: all that run at a time hang.
    let closed = world.storage.door.write().await;
    let stop = CancellationToken::new();
    let loops = world.start(&stop);
    sleep(Duration::from_secs(5)).await;
    stop.cancel();
    sleep(Duration::from_secs(5)).await;
    assert!(!loops.is_empty(), "what runs is finished");
    drop(closed);
    loops.wait().await;
    let backlog = world.backlog().await;
    assert_eq!(
        backlog.waiting, 90,
        "what ran, one person's, is done, and nothing else"
    );
    let free = world
        .storage
        .records()
        .claim_streaks(world.clock.now(), 1000)
        .await;
    let free = free.expect("jobs");
    let free: usize = free.iter().map(|claim| claim.jobs.len()).sum();
    assert_eq!(free, 90, "nothing is held");
}

#[tokio::test(start_paused = true)]
async fn a_long_queue_is_drained_without_a_pause() {
    let world = World::new();
    let user = world.person(1).await;
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

//! A queue of 100,000 jobs.

use kanso_domain::UserId;
use kanso_domain::sync::Base;
use kanso_testkit::build::{create_entry, create_habit, done, entry, habit, titled, update_habit};
use tokio_util::sync::CancellationToken;

use crate::world::World;

const USERS: u128 = 2_000;
const HABITS: u128 = 50;
const ALL: u64 = 100_000;

#[tokio::test(start_paused = true)]
async fn a_hundred_thousand_habits_drain() {
    let world = World::new();
    let mut users = Vec::new();
    for number in 1..=USERS {
        users.push(with_habits(&world, number).await);
    }
    assert_eq!(world.backlog().await.waiting, ALL, "one job per habit");
    for &user in &users {
        // Further changes join the queued jobs.
        let renamed = |number| update_habit(habit(number), Base::Any, titled("Write"));
        world
            .submit(user, (1..=HABITS).map(renamed).collect())
            .await;
    }
    assert_eq!(
        world.backlog().await.waiting,
        ALL,
        "still one job per habit"
    );

    let stop = CancellationToken::new();
    let loops = world.start(&stop);
    world.settled().await;
    let backlog = world.backlog().await;
    assert_eq!((backlog.waiting, backlog.parked), (0, 0));
    for &user in &users {
        world.must_be_exact(user).await;
        assert_eq!(world.stored(user, habit(HABITS)).await.streak.current, 1);
    }
    stop.cancel();
    loops.wait().await;
}

/// Creates a user with many habits, each done today.
async fn with_habits(world: &World, number: u128) -> UserId {
    let user = world.user(number).await;
    let create = |number| {
        let of = habit(number);
        let entry = create_entry(entry(number), done(of, "2026-01-15"));
        [create_habit(of, titled("Read")), entry]
    };
    let actions = (1..=HABITS).flat_map(create);
    world.submit(user, actions.collect()).await;
    user
}

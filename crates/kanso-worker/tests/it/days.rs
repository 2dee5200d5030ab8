//! The beginning of a day reaches all users.

use std::time::Duration;

use kanso_application::ports::clock::Clock as _;
use kanso_application::ports::storage::{AccountStore as _, RecordStore as _};
use kanso_domain::accounts::SettingsChange;
use kanso_testkit::build::{habit, titled};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::world::World;

#[tokio::test(start_paused = true)]
async fn new_day_ends_the_streaks_of_all_users() {
    const USERS: u128 = 450;
    let world = World::new();
    let mut users = Vec::new();
    for number in 0..USERS {
        let user = world.user(number).await;
        world.habit(user, habit(1), titled("Read")).await;
        world.done(user, habit(1), "2026-01-15").await;
        if number % 3 == 0 {
            let zone = SettingsChange {
                timezone: Some("Asia/Tokyo".parse().expect("a zone")),
                ..SettingsChange::default()
            };
            let changed = world.storage.change_settings(user, zone, world.clock.now());
            changed.await.expect("a storage").expect("an account");
        }
        users.push(user);
    }
    let stop = CancellationToken::new();
    let loops = world.start(&stop);
    world.settled().await;
    let mut heads = Vec::new();
    for &user in &users {
        assert_eq!(world.stored(user, habit(1)).await.streak.current, 1);
        heads.push(
            world
                .storage
                .head(user)
                .await
                .expect("a storage")
                .expect("a head")
                .seq,
        );
    }

    // Two midnights later a day was missed in every time zone.
    world.clock.advance_seconds(2 * 86_400);
    sleep(Duration::from_secs(31)).await;
    world.settled().await;
    for (&user, head) in users.iter().zip(heads) {
        let stored = world.stored(user, habit(1)).await;
        assert_eq!((stored.streak.current, stored.streak.longest), (0, 1));
        assert!(stored.stamp.seq > head, "delivered to other devices");
        assert_eq!(stored.stamp.version.get(), 1);
        world.must_be_exact(user).await;
    }
    stop.cancel();
    loops.wait().await;
}

#[tokio::test(start_paused = true)]
async fn limit_that_was_kept_counts_after_the_end_of_its_day() {
    let world = World::new();
    let user = world.user(1).await;
    let mut fields = titled("Coffee");
    fields.target.kind = Some(kanso_domain::habits::HabitType::Numeric);
    fields.target.value = Some(kanso_domain::Quantity::ONE);
    fields.target.direction = Some(kanso_domain::habits::TargetDirection::AtMost);
    world.habit(user, habit(1), fields).await;
    let stop = CancellationToken::new();
    let loops = world.start(&stop);
    for day in 0..3 {
        world.settled().await;
        assert_eq!(world.stored(user, habit(1)).await.streak.current, day);
        world.clock.advance_seconds(86_400);
        sleep(Duration::from_secs(31)).await;
    }
    stop.cancel();
    loops.wait().await;
}

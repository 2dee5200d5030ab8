use std::sync::Arc;

use kanso_application::Attempt;
use kanso_application::live::Live;
use kanso_application::ports::storage::StreakOutcome;
use kanso_application::replicas::Replicas;
use kanso_application::streaks::Streaks;
use kanso_domain::accounts::SettingsChange;
use kanso_domain::sync::OperationOutcome;
use kanso_testkit::QuietFeed;
use kanso_testkit::build::{done, entry, habit, titled};

use crate::world::World;

#[tokio::test]
async fn every_commit_that_moves_the_head_is_told_and_no_other() {
    let world = World::new();
    let user = world.person().await;
    let create = async || {
        let (attempt, id) = (Attempt::default(), Some(habit(1)));
        let create = world.habits.create(user, attempt, id, titled("Read"));
        create.await.unwrap()
    };
    assert!(matches!(create().await, OperationOutcome::Applied(_)));
    assert_eq!(world.feed.published(user), [1]);
    assert!(matches!(create().await, OperationOutcome::Noop(_)));
    assert_eq!(world.feed.published(user), [0_i64; 0]);

    let change = SettingsChange {
        timezone: Some("Europe/Rome".parse().unwrap()),
        ..SettingsChange::default()
    };
    world.accounts.change_settings(user, change).await.unwrap();
    assert_eq!(world.feed.published(user), [2]);
}

#[tokio::test]
async fn a_streak_that_a_worker_stored_is_told() {
    let world = World::new();
    let user = world.person().await;
    let create = world
        .habits
        .create(user, Attempt::default(), Some(habit(1)), titled("Read"));
    create.await.unwrap();
    let fields = done(habit(1), "2026-01-15");
    let create = world
        .entries
        .create(user, Attempt::default(), Some(entry(1)), fields);
    create.await.unwrap();
    assert_eq!(world.feed.published(user), [1, 2]);
    let feed = world.feed.clone();
    let streaks = Streaks::new(world.storage.clone(), world.clock.clone(), feed);
    for claim in streaks.claim(10).await.unwrap() {
        let computed = streaks.compute(user, &claim.jobs).await.unwrap();
        let outcomes = streaks.finish(user, computed).await.unwrap();
        assert_eq!(outcomes, [StreakOutcome::Published]);
    }
    assert_eq!(world.feed.published(user), [3]);
}

#[tokio::test]
async fn who_follows_begins_where_the_history_stands() {
    let world = World::new();
    let user = world.person().await;
    let live = Live::new(world.storage.clone(), Arc::new(QuietFeed));
    assert_eq!(live.follow(user).await.unwrap().newest().get(), 0);
    let create = world
        .habits
        .create(user, Attempt::default(), Some(habit(1)), titled("Read"));
    create.await.unwrap();
    let mut following = live.follow(user).await.unwrap();
    assert_eq!(following.head().seq.get(), 1);
    following.reach(following.newest()).await;
}

#[tokio::test]
async fn a_snapshot_has_the_settings_once_they_were_changed() {
    let world = World::new();
    let user = world.person().await;
    let feed = world.feed.clone();
    let streaks = Streaks::new(world.storage.clone(), world.clock.clone(), feed);
    let replicas = Replicas::new(world.storage.clone(), streaks);
    for number in 1..=2 {
        let (attempt, id) = (Attempt::default(), Some(habit(number)));
        let create = world.habits.create(user, attempt, id, titled("Read"));
        create.await.unwrap();
    }
    assert_eq!(replicas.settings(user).await.unwrap(), None);
    let change = SettingsChange {
        timezone: Some("Europe/Rome".parse().unwrap()),
        ..SettingsChange::default()
    };
    world.accounts.change_settings(user, change).await.unwrap();
    let settings = replicas.settings(user).await.unwrap().unwrap();
    assert_eq!(settings.seq.get(), 3);
}

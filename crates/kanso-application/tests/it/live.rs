use std::sync::{Arc, Mutex};

use kanso_application::RetryKey;
use kanso_application::live::Live;
use kanso_application::ports::feed::{Feed, Subscription};
use kanso_application::ports::storage::StreakOutcome;
use kanso_application::replicas::Replicas;
use kanso_application::streaks::Streaks;
use kanso_domain::accounts::SettingsChange;
use kanso_domain::sync::OperationOutcome;
use kanso_domain::{Seq, UserId};
use kanso_testkit::QuietFeed;
use kanso_testkit::build::{done, entry, habit, titled};
use uuid::Uuid;

use crate::world::World;

#[tokio::test]
async fn exactly_the_commits_that_move_the_head_are_published() {
    let world = World::new();
    let user = world.register().await;
    let create = async || {
        let (retry_key, id) = (RetryKey::default(), Some(habit(1)));
        let create = world.habits.create(user, retry_key, id, titled("Read"));
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
async fn a_streak_that_a_worker_stored_is_published() {
    let world = World::new();
    let user = world.register().await;
    let create = world
        .habits
        .create(user, RetryKey::default(), Some(habit(1)), titled("Read"));
    create.await.unwrap();
    let fields = done(habit(1), "2026-01-15");
    let create = world
        .entries
        .create(user, RetryKey::default(), Some(entry(1)), fields);
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
async fn a_subscription_begins_at_the_head() {
    let world = World::new();
    let user = world.register().await;
    let live = Live::new(world.storage.clone(), Arc::new(QuietFeed));
    assert_eq!(live.follow(user).await.unwrap().newest().get(), 0);
    let create = world
        .habits
        .create(user, RetryKey::default(), Some(habit(1)), titled("Read"));
    create.await.unwrap();
    let mut following = live.follow(user).await.unwrap();
    assert_eq!(following.head().seq.get(), 1);
    following.wait_for(following.newest()).await;
}

#[tokio::test]
async fn a_snapshot_has_the_settings_once_they_were_changed() {
    let world = World::new();
    let user = world.register().await;
    let feed = world.feed.clone();
    let streaks = Streaks::new(world.storage.clone(), world.clock.clone(), feed);
    let replicas = Replicas::new(world.storage.clone(), streaks);
    for number in 1..=2 {
        let (retry_key, id) = (RetryKey::default(), Some(habit(number)));
        let create = world.habits.create(user, retry_key, id, titled("Read"));
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

/// A feed with subscribers of the given users. It stores the published heads.
struct Followed(Vec<UserId>, Mutex<Vec<(UserId, i64)>>);

impl Feed for Followed {
    fn publish(&self, _user: UserId, _head: Seq) {
        panic!("a sweep must not publish to other servers");
    }

    fn has_subscribers(&self, _user: UserId) -> bool {
        true
    }

    fn followed(&self) -> Vec<UserId> {
        self.0.clone()
    }

    fn catch_up(&self, user: UserId, head: Seq) -> bool {
        self.1.lock().unwrap().push((user, head.get()));
        head > Seq::ZERO
    }

    fn subscribe(&self, user: UserId) -> Box<dyn Subscription> {
        QuietFeed.subscribe(user)
    }
}

#[tokio::test]
async fn a_sweep_publishes_the_heads_of_the_storage() {
    let world = World::new();
    let user = world.register().await;
    let create = world
        .habits
        .create(user, RetryKey::default(), Some(habit(1)), titled("Read"));
    create.await.unwrap();
    // More users than one call reads, most of them without an account.
    let strangers = (0..2_500).map(|number| UserId::new(Uuid::from_u128(1 << 100 | number)));
    let followed: Vec<_> = strangers.chain([user]).collect();
    let feed = Arc::new(Followed(followed, Mutex::default()));
    let live = Live::new(world.storage.clone(), feed.clone());
    assert_eq!(live.sweep().await.unwrap(), 1);
    assert_eq!(*feed.1.lock().unwrap(), [(user, 1)]);
}

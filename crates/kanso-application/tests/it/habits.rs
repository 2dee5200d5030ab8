use kanso_application::RetryKey;
use kanso_domain::habits::HabitFields;
use kanso_domain::sync::{Base, OperationOutcome, RejectionCode};
use kanso_domain::{Entity, Record, UserId};
use kanso_testkit::build::{habit, noon, on, titled, version};

use crate::world::{World, is_account_gone};

#[tokio::test]
async fn a_habit_without_an_id_gets_a_fresh_one() {
    let world = World::new();
    let user = world.register().await;
    let first = created(&world, user, "Read").await;
    let second = created(&world, user, "Read").await;
    assert_ne!(first, second);
    assert_eq!(world.habits.list(user, false).await.unwrap().len(), 2);
}

#[tokio::test]
async fn the_same_habit_again_is_the_stored_one() {
    let world = World::new();
    let user = world.register().await;
    let create = async || {
        let create = world
            .habits
            .create(user, RetryKey::default(), Some(habit(1)), titled("Read"));
        create.await.unwrap()
    };
    let OperationOutcome::Applied(first) = create().await else {
        panic!("expected to be applied");
    };
    world.clock.advance_seconds(60);
    assert_eq!(create().await, OperationOutcome::Noop(first));
}

#[tokio::test]
async fn a_habit_is_edited_and_deleted_by_version() {
    let world = World::new();
    let user = world.register().await;
    let habits = &world.habits;
    let created = habits.create(user, RetryKey::default(), Some(habit(1)), titled("Read"));
    assert!(is_applied(&created.await.unwrap()));
    world.clock.advance_seconds(60);
    let updated = habits.update(user, RetryKey::default(), habit(1), on(1), titled("Run"));
    assert!(is_applied(&updated.await.unwrap()));
    let stored = habits.get(user, habit(1)).await.unwrap().unwrap();
    assert_eq!(stored.details.title.as_str(), "Run");
    assert_eq!(stored.stamp.version, version(2));
    assert_eq!(stored.stamp.updated_at, noon().plus_seconds(60));

    let stale = habits
        .delete(user, RetryKey::default(), habit(1), on(1), false)
        .await
        .unwrap();
    assert!(matches!(stale, OperationOutcome::Conflict(_)), "{stale:?}");
    assert!(is_applied(
        &habits
            .delete(user, RetryKey::default(), habit(1), on(2), false)
            .await
            .unwrap()
    ));
    assert_eq!(habits.get(user, habit(1)).await.unwrap(), None);
    assert_eq!(habits.list(user, true).await.unwrap(), []);
}

#[tokio::test]
async fn archived_habits_are_listed_on_request() {
    let world = World::new();
    let user = world.register().await;
    let fields = HabitFields {
        archived_at: Some(Some(noon())),
        ..titled("Read")
    };
    let archived = world.habits.create(user, RetryKey::default(), None, fields);
    assert!(is_applied(&archived.await.unwrap()));
    assert_eq!(world.habits.list(user, false).await.unwrap(), []);
    assert_eq!(world.habits.list(user, true).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_unknown_habit_is_not_found() {
    let world = World::new();
    let user = world.register().await;
    let habits = &world.habits;
    let expected = OperationOutcome::Rejected(RejectionCode::NotFound(Entity::Habit).into());
    let updated = habits.update(
        user,
        RetryKey::default(),
        habit(1),
        Base::Any,
        titled("Run"),
    );
    assert_eq!(updated.await.unwrap(), expected);
    let deleted = habits.delete(user, RetryKey::default(), habit(1), Base::Any, false);
    assert_eq!(deleted.await.unwrap(), expected);
    assert_eq!(habits.get(user, habit(1)).await.unwrap(), None);
}

#[tokio::test]
async fn a_deleted_account_accepts_no_write() {
    let world = World::new();
    let user = world.register().await;
    world.delete(user).await.unwrap();
    let created = world
        .habits
        .create(user, RetryKey::default(), None, titled("Read"));
    assert!(is_account_gone(&created.await));
}

async fn created(world: &World, user: UserId, title: &str) -> Record {
    let created = world
        .habits
        .create(user, RetryKey::default(), None, titled(title));
    match created.await.unwrap() {
        OperationOutcome::Applied(record) => record,
        other => panic!("expected to be applied, got {other:?}"),
    }
}

fn is_applied(outcome: &OperationOutcome) -> bool {
    matches!(outcome, OperationOutcome::Applied(_))
}

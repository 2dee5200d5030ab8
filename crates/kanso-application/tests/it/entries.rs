use kanso_application::RetryKey;
use kanso_application::ports::storage::EntryFilter;
use kanso_domain::UserId;
use kanso_domain::accounts::SettingsChange;
use kanso_domain::sync::{Base, Deferral, OperationOutcome};
use kanso_testkit::build::{at, done, entry, habit, noted, titled};

use crate::world::{World, is_account_gone};

#[tokio::test]
async fn a_list_reaches_back_thirty_days_today_included() {
    let world = World::new();
    let user = with_entries(&world, &["2025-12-16", "2025-12-17", "2026-01-15"]).await;
    assert_eq!(
        days(&world, user, EntryFilter::default()).await,
        ["2026-01-15", "2025-12-17"]
    );
}

#[tokio::test]
async fn today_is_the_day_of_the_user() {
    let world = World::new();
    let user = with_entries(&world, &["2025-12-17", "2025-12-18"]).await;
    let change = SettingsChange {
        timezone: Some("Pacific/Kiritimati".parse().unwrap()),
        ..SettingsChange::default()
    };
    world.accounts.change_settings(user, change).await.unwrap();
    // In this zone it is two in the morning of the 16th.
    assert_eq!(
        days(&world, user, EntryFilter::default()).await,
        ["2025-12-18"]
    );
    let change = SettingsChange {
        day_start: Some("03:00".parse().unwrap()),
        ..SettingsChange::default()
    };
    world.accounts.change_settings(user, change).await.unwrap();
    assert_eq!(
        days(&world, user, EntryFilter::default()).await,
        ["2025-12-18", "2025-12-17"]
    );
}

#[tokio::test]
async fn a_list_with_an_end_reaches_back_from_it() {
    let world = World::new();
    let user = with_entries(&world, &["2025-10-01", "2025-10-02", "2025-10-31"]).await;
    for to in ["2025-10-31", "2025-10-31T23:00:00Z"] {
        let filter = EntryFilter {
            to: Some(to.parse().unwrap()),
            ..EntryFilter::default()
        };
        assert_eq!(
            days(&world, user, filter).await,
            ["2025-10-31", "2025-10-02"]
        );
    }
}

#[tokio::test]
async fn a_list_with_a_start_begins_there() {
    let world = World::new();
    let user = with_entries(&world, &["2020-02-29", "2026-01-15"]).await;
    let filter = EntryFilter {
        from: Some("2020-02-29".parse().unwrap()),
        ..EntryFilter::default()
    };
    assert_eq!(days(&world, user, filter).await.len(), 2);
}

#[tokio::test]
async fn an_entry_waits_for_its_habit() {
    let world = World::new();
    let user = world.register().await;
    let create = async || {
        let fields = done(habit(1), "2026-01-15");
        let create = world
            .entries
            .create(user, RetryKey::default(), Some(entry(1)), fields);
        create.await.unwrap()
    };
    let waits = OperationOutcome::Deferred(Deferral::HabitUnknown(habit(1)));
    assert_eq!(create().await, waits);
    let habits = &world.habits;
    let created = habits.create(user, RetryKey::default(), Some(habit(1)), titled("Read"));
    created.await.unwrap();
    assert!(matches!(create().await, OperationOutcome::Applied(_)));
}

#[tokio::test]
async fn a_deleted_habit_takes_its_entries() {
    let world = World::new();
    let user = with_entries(&world, &["2026-01-15"]).await;
    let deleted = world
        .habits
        .delete(user, RetryKey::default(), habit(1), Base::Any, false);
    deleted.await.unwrap();
    let entries = &world.entries;
    assert_eq!(entries.get(user, entry(1)).await.unwrap(), None);
    let updated = entries.update(
        user,
        RetryKey::default(),
        entry(1),
        Base::Any,
        noted("late"),
    );
    let updated = updated.await.unwrap();
    assert!(matches!(updated, OperationOutcome::Gone(_)), "{updated:?}");
}

#[tokio::test]
async fn an_entry_is_edited_and_deleted() {
    let world = World::new();
    let user = with_entries(&world, &["2026-01-15"]).await;
    let entries = &world.entries;
    let updated = entries.update(
        user,
        RetryKey::default(),
        entry(1),
        Base::Any,
        noted("late"),
    );
    updated.await.unwrap();
    let stored = entries.get(user, entry(1)).await.unwrap().unwrap();
    assert_eq!(stored.details.notes.as_str(), "late");
    let deleted = entries.delete(user, RetryKey::default(), entry(1), Base::Any, false);
    deleted.await.unwrap();
    assert_eq!(entries.get(user, entry(1)).await.unwrap(), None);
}

#[tokio::test]
async fn a_deleted_account_has_no_list() {
    let world = World::new();
    let user = world.register().await;
    world.delete(user).await.unwrap();
    let list = world.entries.keys(user, EntryFilter::default());
    assert!(is_account_gone(&list.await));
}

/// A user with one habit and entries on these days, on 15 January 2026 at noon.
async fn with_entries(world: &World, days: &[&str]) -> UserId {
    let user = world.register().await;
    let created = world
        .habits
        .create(user, RetryKey::default(), Some(habit(1)), titled("Read"));
    created.await.unwrap();
    for (number, day) in (1..).zip(days) {
        let fields = done(habit(1), day);
        let created = world
            .entries
            .create(user, RetryKey::default(), Some(entry(number)), fields);
        created.await.unwrap();
    }
    world.clock.set(at("2026-01-15T12:00:00Z"));
    user
}

async fn days(world: &World, user: UserId, filter: EntryFilter) -> Vec<String> {
    let entries = world.entries.page(user, filter, None, 100).await.unwrap();
    let entries = entries.entries;
    let day = |entry: &kanso_domain::entries::Entry| entry.details.local_date.to_string();
    entries.iter().map(day).collect()
}

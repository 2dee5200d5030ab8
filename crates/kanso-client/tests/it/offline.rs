//! Offline reads and edits.

use kanso_client::EditError;
use kanso_client::domain::Quantity;
use kanso_client::protocol::Patch;
use kanso_client::protocol::entries::EntryMembers;
use kanso_client::protocol::habits::HabitMembers;

use crate::support::{all_entries, device, on, titled, titles};

#[test]
fn an_edit_is_visible_at_once_and_waits() {
    let device = device(1);
    let habit = device.create_habit(titled("Read")).expect("creates");
    let entry = device
        .create_entry(on(&habit, "2026-11-22"))
        .expect("creates");
    assert_eq!(titles(&device), ["Read"]);
    assert_eq!(entry.details.value, Quantity::ONE);
    assert_eq!(all_entries(&device), [entry]);
    assert_eq!(device.status().expect("reads").waiting, 2);
}

#[test]
fn waiting_edits_build_on_the_delivered_version() {
    let device = device(1);
    let habit = device.create_habit(titled("Read")).expect("creates");
    let renamed = device
        .update_habit(habit.id, titled("Read more"))
        .expect("updates");
    assert_eq!(renamed.stamp.version.get(), 2);
    let away = device.archive_habit(habit.id, true).expect("archives");
    assert_eq!(away.stamp.version.get(), 3);
    assert!(away.details.archived_at.is_some());
    assert_eq!(away.details.title.as_str(), "Read more");
}

#[test]
fn an_edit_that_changes_nothing_is_not_sent() {
    let device = device(1);
    let habit = device.create_habit(titled("Read")).expect("creates");
    device
        .update_habit(habit.id, titled(" Read "))
        .expect("is fine");
    device.archive_habit(habit.id, false).expect("is fine");
    assert_eq!(device.status().expect("reads").waiting, 1);
}

#[test]
fn a_deleted_habit_takes_its_entries_with_it() {
    let device = device(1);
    let habit = device.create_habit(titled("Read")).expect("creates");
    let entry = device
        .create_entry(on(&habit, "2026-11-22"))
        .expect("creates");
    device.delete_habit(habit.id).expect("deletes");
    assert!(titles(&device).is_empty());
    assert!(all_entries(&device).is_empty());
    assert!(device.entry(entry.id).expect("reads").is_none());
    let late = device.create_entry(on(&habit, "2026-11-23"));
    assert!(matches!(late, Err(EditError::NoSuchHabit)), "{late:?}");
}

#[test]
fn invalid_edits_are_rejected_locally() {
    let device = device(1);
    let nameless = device.create_habit(HabitMembers::default());
    assert!(
        matches!(nameless, Err(EditError::Invalid(_))),
        "{nameless:?}"
    );
    let habit = device.create_habit(titled("Read")).expect("creates");
    let negative = device.create_entry(EntryMembers {
        value: Patch::Value(-1.0),
        ..on(&habit, "2026-11-22")
    });
    assert!(
        matches!(negative, Err(EditError::Invalid(_))),
        "{negative:?}"
    );
    assert_eq!(device.status().expect("reads").waiting, 1);
}

#[test]
fn today_follows_the_callers_zone() {
    let device = device(1);
    let auckland = "Pacific/Auckland".parse().expect("a zone");
    assert_eq!(device.today(None).expect("reads").to_string(), "2026-11-22");
    let there = device.today(Some(&auckland)).expect("reads");
    assert_eq!(there.to_string(), "2026-11-23");
}

//! Merging: what a storage must remember of edits, and that a group is one change.

use kanso_application::ports::storage::Storage;
use kanso_domain::entries::EntryFields;
use kanso_domain::habits::HabitFields;
use kanso_domain::record::Member;
use kanso_domain::sync::{Action, ConflictPolicy, OnConflict, Operation, OperationOutcome};
use kanso_domain::text::{Color, Unit};
use kanso_domain::{DeviceId, Quantity, QuantityChange, Record};

use super::person::Person;
use crate::build::{
    create_entry, create_habit, device, done, entry, habit, noted, on, once, titled, update_entry,
    update_habit,
};

fn by(device: DeviceId, action: Action) -> Operation {
    Operation {
        device: Some(device),
        policy: ConflictPolicy {
            on_conflict: OnConflict::Merge,
            revive: false,
        },
        ..once(action)
    }
}

fn color() -> HabitFields {
    HabitFields {
        color: Some(Color::new("#112233").unwrap()),
        ..HabitFields::default()
    }
}

fn unit() -> HabitFields {
    HabitFields {
        unit: Some(Unit::new("pages").unwrap()),
        ..HabitFields::default()
    }
}

fn value(whole: i64) -> EntryFields {
    EntryFields {
        value: Some(Quantity::from_thousandths(whole * 1_000).unwrap()),
        ..EntryFields::default()
    }
}

async fn submit(person: &Person<'_>, operation: Operation) -> OperationOutcome {
    let mut changeset = person.submit(vec![operation]).await;
    changeset.outcomes.pop().unwrap()
}

/// Two devices edit different fields of the version that both have seen: both stand. The same
/// field clashes, and the conflict names it and whose edit it was.
pub async fn edits_of_different_fields_both_stand(storage: &dyn Storage) {
    let person = Person::register(storage, 1).await;
    let (phone, tablet) = (device(1), device(2));
    submit(&person, by(phone, create_habit(habit(1), titled("Read")))).await;
    submit(
        &person,
        by(phone, update_habit(habit(1), on(1), titled("Read more"))),
    )
    .await;
    let merged = submit(&person, by(tablet, update_habit(habit(1), on(1), color()))).await;
    let OperationOutcome::Merged(Record::Habit(merged)) = merged else {
        panic!("expected to be merged, got {merged:?}")
    };
    assert_eq!(merged.details.title.as_str(), "Read more");
    assert_eq!(merged.details.color.as_str(), "#112233");
    assert_eq!(
        storage.habit(person.id, habit(1)).await.unwrap(),
        Some(merged)
    );
    let clash = submit(
        &person,
        by(tablet, update_habit(habit(1), on(1), titled("Rest"))),
    )
    .await;
    let OperationOutcome::Conflict(conflict) = clash else {
        panic!("expected a conflict, got {clash:?}")
    };
    assert_eq!(conflict.clashing, [Member::Title]);
    assert_eq!(conflict.record.edited_by(), Some(tablet), "who edited last");
    // Its own edits are no obstacle to a device that did not see the answers.
    let own = submit(&person, by(tablet, update_habit(habit(1), on(2), unit()))).await;
    assert!(matches!(own, OperationOutcome::Applied(_)), "{own:?}");
    let own = submit(
        &person,
        by(phone, update_habit(habit(1), on(1), titled("Rest"))),
    )
    .await;
    assert!(matches!(own, OperationOutcome::Merged(_)), "{own:?}");
}

/// The same for entries, and increments add up whatever came between.
pub async fn entries_merge_and_increments_add_up(storage: &dyn Storage) {
    let person = Person::register(storage, 1).await;
    let (phone, tablet) = (device(1), device(2));
    submit(&person, by(phone, create_habit(habit(1), titled("Drink")))).await;
    let made = create_entry(entry(1), done(habit(1), "2026-01-15"));
    submit(&person, by(phone, made)).await;
    submit(
        &person,
        by(phone, update_entry(entry(1), on(1), noted("tea"))),
    )
    .await;
    let merged = submit(&person, by(tablet, update_entry(entry(1), on(1), value(2)))).await;
    assert!(matches!(merged, OperationOutcome::Merged(_)), "{merged:?}");
    for device in [phone, tablet, phone] {
        let change = QuantityChange::from_thousandths(250).unwrap();
        let added = submit(&person, by(device, Action::Increment(entry(1), change))).await;
        assert!(matches!(added, OperationOutcome::Applied(_)), "{added:?}");
    }
    let stored = storage.entry(person.id, entry(1)).await.unwrap().unwrap();
    assert_eq!(stored.details.value.thousandths(), 2_750);
    assert_eq!(stored.details.notes.as_str(), "tea");
    // The phone did not see what it added to.
    for device in [phone, tablet] {
        let set = by(device, update_entry(entry(1), on(1), value(9)));
        let clash = submit(&person, set).await;
        assert!(matches!(clash, OperationOutcome::Conflict(_)), "{clash:?}");
    }
}

/// A group is stored as a whole or not at all.
pub async fn a_group_is_stored_all_or_none(storage: &dyn Storage) {
    let person = Person::register(storage, 1).await;
    let grouped = |action| Operation {
        group: Some("g".to_owned()),
        ..once(action)
    };
    let fails = vec![
        grouped(create_habit(habit(1), titled("Read"))),
        grouped(create_entry(entry(1), done(habit(1), "2026-01-15"))),
        grouped(update_habit(habit(9), on(1), titled("Run"))),
    ];
    let head = person.head().await;
    person.submit(fails.clone()).await;
    assert_eq!(person.head().await, head);
    person.submit(fails[..2].to_vec()).await;
    assert!(storage.habit(person.id, habit(1)).await.unwrap().is_some());
    assert!(storage.entry(person.id, entry(1)).await.unwrap().is_some());
}

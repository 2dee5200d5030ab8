//! Merging: the provenance that a storage must keep, and groups.

use kanso_application::ports::storage::Storage;
use kanso_domain::entries::EntryFields;
use kanso_domain::habits::HabitFields;
use kanso_domain::record::Member;
use kanso_domain::sync::{Action, ConflictPolicy, OnConflict, Operation, OperationOutcome};
use kanso_domain::text::{Color, Unit};
use kanso_domain::{DeviceId, Quantity, QuantityChange, Record};

use super::test_user::TestUser;
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

async fn submit(person: &TestUser<'_>, operation: Operation) -> OperationOutcome {
    let mut changeset = person.submit(vec![operation]).await;
    changeset.outcomes.pop().unwrap()
}

/// Edits of different fields on one version are merged; edits of the same field are a conflict that
/// names the field and the other device.
pub async fn edits_of_different_fields_both_stand(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
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
    assert_eq!(conflict.record.edited_by(), Some(tablet), "the last editor");
    // A device's own edits never conflict with its next edit, even if it has not seen the answers.
    // The tablet saw version 2 and made version 3 itself.
    let own = submit(&person, by(tablet, update_habit(habit(1), on(2), unit()))).await;
    assert!(matches!(own, OperationOutcome::Applied(_)), "{own:?}");
    let own = submit(
        &person,
        by(phone, update_habit(habit(1), on(1), titled("Rest"))),
    )
    .await;
    assert!(matches!(own, OperationOutcome::Merged(_)), "{own:?}");
}

/// Entries merge like habits, and increments add up with any edits in between.
pub async fn entries_merge_and_increments_add_up(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
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
    // 2 from the merged edit and three times 0.25: an increment that wrote a sum would lose one.
    assert_eq!(stored.details.value.thousandths(), 2_750);
    assert_eq!(stored.details.notes.as_str(), "tea");
    // Both devices have not seen the increments that they would overwrite.
    for device in [phone, tablet] {
        let set = by(device, update_entry(entry(1), on(1), value(9)));
        let clash = submit(&person, set).await;
        assert!(matches!(clash, OperationOutcome::Conflict(_)), "{clash:?}");
    }
}

/// A group is stored completely or not at all.
pub async fn a_group_is_stored_all_or_none(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
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
    // The same operations without the failing one: nothing of the first attempt was stored.
    person.submit(fails[..2].to_vec()).await;
    assert!(storage.habit(person.id, habit(1)).await.unwrap().is_some());
    assert!(storage.entry(person.id, entry(1)).await.unwrap().is_some());
}

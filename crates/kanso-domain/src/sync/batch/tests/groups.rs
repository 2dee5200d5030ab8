//! Groups that are refused before any of their operations is tried.

use super::merging::{grouped, submit};
use super::*;

fn sized(number: u8, size: Option<u32>, action: Action) -> Operation {
    let operation = Operation {
        group_size: size,
        ..keyed(number, action)
    };
    grouped("g", operation)
}

fn habit(number: u128) -> Action {
    Action::Habit(
        HabitId::new(Uuid::from_u128(number)),
        Edit::Create(titled("a")),
    )
}

fn unreadable() -> Operation {
    let invalid = Invalid::one("/entity", "is required");
    Operation {
        key: None,
        ..sized(9, None, Action::Unreadable(invalid))
    }
}

#[test]
fn size_decides_whether_a_group_is_whole() {
    let [split, invalid] = ["rejected group_split", "rejected invalid"];
    for (sizes, expected) in [
        ([Some(2), Some(2)], "applied 1"),
        ([None, None], "applied 1"),
        ([Some(3), Some(3)], split),
        ([Some(1), Some(1)], invalid),
        ([Some(2), Some(3)], invalid),
        ([Some(2), None], invalid),
        ([None, Some(2)], invalid),
    ] {
        let outbox: Vec<_> = (1..)
            .zip(sizes)
            .map(|(number, size)| sized(number, size, habit(number.into())))
            .collect();
        let changeset = submit(&nothing(), &outbox);
        assert_eq!(words(&changeset), [expected; 2], "{sizes:?}");
        // A part is refused for good. A contradiction can be corrected under the same ids.
        let stored = if expected == invalid { 0 } else { 2 };
        assert_eq!(changeset.receipts.len(), stored, "{sizes:?}");
    }
}

#[test]
fn part_of_a_group_that_was_carried_out_gets_its_results() {
    let outbox = [1, 2].map(|number| sized(number, Some(2), habit(number.into())));
    let loaded = after(nothing(), &submit(&nothing(), &outbox));
    assert_eq!(words(&submit(&loaded, &outbox[..1])), ["duplicate 1"]);
}

#[test]
fn operation_that_cannot_be_read_refuses_its_group_without_a_receipt() {
    let [one, two] = [1, 2].map(|number| sized(number, Some(3), habit(number.into())));
    let beside = keyed(3, habit(3));
    let outbox = [one.clone(), unreadable(), two, beside];
    let changeset = submit(&nothing(), &outbox);
    let failed = "rejected group_failed";
    let expected = [failed, "rejected invalid", failed, "applied 1"];
    assert_eq!(words(&changeset), expected);
    assert_eq!(changeset.receipts.len(), 1);
    // It counts as one of the group.
    let part = [one, unreadable()];
    let expected = ["rejected group_split", "rejected invalid"];
    assert_eq!(words(&submit(&nothing(), &part)), expected);
}

#[test]
fn group_whose_entry_stands_before_its_habit_is_refused_for_good() {
    let group = |actions: [Action; 2]| {
        let numbered = (1..).zip(actions);
        numbered
            .map(|(number, action)| sized(number, None, action))
            .collect::<Vec<_>>()
    };
    let early = group([create_entry(), create_habit("a")]);
    let changeset = submit(&nothing(), &early);
    assert_eq!(
        words(&changeset),
        ["rejected invalid", "rejected group_failed"]
    );
    assert!(changeset.habits.is_empty() && changeset.entries.is_empty());
    let again = submit(&after(nothing(), &changeset), &early);
    assert_eq!(words(&again), ["rejected invalid", "rejected group_failed"]);
    // Another habit may still come from elsewhere.
    let waiting = group([create_entry(), habit(7)]);
    assert_eq!(
        words(&submit(&nothing(), &waiting)),
        ["deferred", "deferred"]
    );
    let right = group([create_habit("a"), create_entry()]);
    assert_eq!(
        words(&submit(&nothing(), &right)),
        ["applied 1", "applied 1"]
    );
}

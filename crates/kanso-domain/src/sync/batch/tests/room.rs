//! Quotas.

use super::merging::grouped;
use super::*;
use crate::sync::{Base, OwnQuota};

fn habit(number: u128) -> HabitId {
    HabitId::new(Uuid::from_u128(1_000 + number))
}

fn create(number: u128) -> Operation {
    let key = u8::try_from(number).expect("a small number");
    keyed(key, Action::Habit(habit(number), Edit::Create(titled("a"))))
}

fn delete(number: u128) -> Operation {
    let edit = Edit::Delete {
        base: Base::Any,
        erases_texts: false,
    };
    Operation::once(Action::Habit(habit(number), edit))
}

/// Carries out `operations` for an account that may have two live habits.
fn push(loaded: &Loaded, operations: &[Operation]) -> Changeset {
    let quota = Quota {
        live_habits: 2,
        ..Quota::UNLIMITED
    };
    push_within(quota, loaded, operations)
}

fn push_within(quota: Quota, loaded: &Loaded, operations: &[Operation]) -> Changeset {
    decide_push(loaded.clone(), operations, Seen::everything(), quota, at(2))
}

fn full() -> Loaded {
    let changeset = push(&nothing(), &[create(1), create(2)]);
    assert_eq!(words(&changeset), ["applied 1", "applied 1"]);
    after(nothing(), &changeset)
}

#[test]
fn habit_beyond_the_quota_leaves_no_trace_and_succeeds_once_there_is_room() {
    let full = full();
    let refused = push(&full, &[create(3)]);
    assert_eq!(words(&refused), ["over quota live_habits"]);
    assert!(refused.is_empty(), "{refused:?}");
    assert_eq!(refused.head, full.head);

    let roomy = after(full.clone(), &push(&full, &[delete(1)]));
    assert_eq!(words(&push(&roomy, &[create(3)])), ["applied 1"]);
    let in_one_push = push(&full, &[delete(1), create(3), create(4)]);
    let expected = ["applied 2", "applied 1", "over quota live_habits"];
    assert_eq!(words(&in_one_push), expected);
}

#[test]
fn habits_that_are_not_loaded_count() {
    let loaded = Loaded {
        live_habits: 1,
        ..nothing()
    };
    let changeset = push(&loaded, &[create(1), create(2)]);
    assert_eq!(words(&changeset), ["applied 1", "over quota live_habits"]);
}

#[test]
fn revival_needs_room_and_an_edit_does_not() {
    let full = full();
    let update = |number, title| {
        let (base, fields) = (Base::Any, titled(title));
        Operation::once(Action::Habit(habit(number), Edit::Update { base, fields }))
    };
    let revive = |mut operation: Operation| {
        operation.policy.revive = true;
        operation
    };
    let gone = after(full.clone(), &push(&full, &[delete(1), create(3)]));
    let again = keyed(9, Action::Habit(habit(1), Edit::Create(titled("b"))));
    for operation in [revive(again), revive(update(1, "b"))] {
        let refused = push(&gone, std::slice::from_ref(&operation));
        assert_eq!(words(&refused), ["over quota live_habits"]);
        assert!(refused.is_empty(), "{refused:?}");
        let revived = push(&gone, &[delete(3), operation]);
        assert_eq!(words(&revived)[1], "applied 3");
    }
    assert_eq!(words(&push(&gone, &[update(3, "b")])), ["applied 2"]);
}

/// An account may be over its quota: the operator can lower it.
#[test]
fn outcomes_that_need_no_room_stay() {
    let full = Loaded {
        live_habits: 9,
        ..full()
    };
    let twice = Operation {
        key: None,
        ..create(1)
    };
    let untitled = Action::Habit(habit(3), Edit::Create(HabitFields::default()));
    let operations = [create(1), twice, Operation::once(untitled), delete(2)];
    let expected = ["duplicate 1", "noop 1", "rejected invalid", "applied 2"];
    assert_eq!(words(&push(&full, &operations)), expected);
}

#[test]
fn group_without_room_waits_as_a_whole() {
    let loaded = after(nothing(), &push(&nothing(), &[create(1)]));
    let group = [grouped("g", create(2)), grouped("g", create(3))];
    let refused = push(&loaded, &group);
    assert_eq!(words(&refused), ["over quota live_habits"; 2]);
    assert!(refused.is_empty(), "{refused:?}");
    let roomy = after(loaded.clone(), &push(&loaded, &[delete(1)]));
    assert_eq!(words(&push(&roomy, &group)), ["applied 1", "applied 1"]);
}

fn tick(number: u128, notes: &str) -> Action {
    let fields = EntryFields {
        habit_id: Some(habit(1)),
        notes: Notes::new(notes).ok(),
        completion: Some("2026-01-05".parse().expect("a date")),
        ..EntryFields::default()
    };
    Action::Entry(EntryId::new(Uuid::from_u128(number)), Edit::Create(fields))
}

fn noted(number: u128, notes: &str) -> Operation {
    let fields = EntryFields {
        notes: Notes::new(notes).ok(),
        ..EntryFields::default()
    };
    let edit = Edit::Update {
        base: Base::Any,
        fields,
    };
    Operation::once(Action::Entry(EntryId::new(Uuid::from_u128(number)), edit))
}

fn deleted(number: u128) -> Operation {
    let edit = Edit::Delete {
        base: Base::Any,
        erases_texts: false,
    };
    Operation::once(Action::Entry(EntryId::new(Uuid::from_u128(number)), edit))
}

#[test]
fn records_beyond_the_quota_have_no_effect_and_tombstones_count() {
    let quota = Quota {
        records: 2,
        ..Quota::UNLIMITED
    };
    let operations = [
        create(1),
        Operation::once(tick(1, "")),
        Operation::once(tick(2, "")),
        deleted(1),
        Operation::once(tick(2, "")),
        noted(1, "a"),
    ];
    let changeset = push_within(quota, &nothing(), &operations);
    let expected = [
        "applied 1",
        "applied 1",
        "over quota records",
        "applied 2",
        "over quota records",
        "gone entry",
    ];
    assert_eq!(words(&changeset), expected);
    assert_eq!(changeset.usage.records, 2);
}

/// An account that is full must be able to make room, and to change what it has.
#[test]
fn longer_texts_need_room_and_shorter_ones_and_deletions_do_not() {
    let loaded = after(
        nothing(),
        &push_within(
            Quota::UNLIMITED,
            &nothing(),
            &[
                Operation::once(create(1).action),
                Operation::once(tick(1, "ab")),
            ],
        ),
    );
    let quota = Quota {
        bytes: loaded.usage.bytes,
        ..Quota::UNLIMITED
    };
    let operations = [noted(1, "abc"), noted(1, "b"), noted(1, "cd"), deleted(1)];
    let expected = ["over quota bytes", "applied 2", "applied 3", "applied 4"];
    let changeset = push_within(quota, &loaded, &operations);
    assert_eq!(words(&changeset), expected);
    assert_eq!(changeset.usage, loaded.usage);

    let own = Loaded {
        own_quota: OwnQuota {
            bytes: Some(quota.bytes + 1),
            ..OwnQuota::NONE
        },
        ..loaded
    };
    let changeset = push_within(quota, &own, &[noted(1, "abc"), noted(1, "abcd")]);
    assert_eq!(words(&changeset), ["applied 2", "over quota bytes"]);
}

/// A receipt for a refusal takes room too. Otherwise refusals without end would fill the disk.
#[test]
fn receipts_take_room_up_to_an_eighth_beyond_the_quota() {
    let quota = Quota {
        bytes: 1_600,
        ..Quota::UNLIMITED
    };
    let missing = |number| keyed(number, deleted(u128::from(number)).action);
    let mut loaded = nothing();
    let mut refused = 0;
    for number in 1..=10 {
        let changeset = push_within(quota, &loaded, &[missing(number)]);
        let has_receipt = !changeset.receipts.is_empty();
        assert_eq!(has_receipt, words(&changeset) != ["over quota bytes"]);
        assert!(has_receipt || changeset.is_empty());
        refused += usize::from(!has_receipt);
        loaded = after(loaded, &changeset);
    }
    assert_eq!(refused, 8);
    // A retry of an operation that has its receipt gets its result.
    let changeset = push_within(quota, &loaded, &[missing(1)]);
    assert_ne!(words(&changeset), ["over quota bytes"]);
}

/// An operator can lower the quota of an account far below what it has.
#[test]
fn account_far_beyond_its_quota_can_delete_with_receipts() {
    let operations = [create(1), create(2)];
    let full = after(
        nothing(),
        &push_within(Quota::UNLIMITED, &nothing(), &operations),
    );
    let quota = Quota {
        bytes: 1,
        ..Quota::UNLIMITED
    };
    let delete = |key, number| keyed(key, delete(number).action);
    let changeset = push_within(quota, &full, &[delete(7, 1), delete(8, 1), delete(9, 2)]);
    // The second finds no live habit, so nothing bounds the number of its kind.
    let expected = ["applied 2", "over quota bytes", "applied 2"];
    assert_eq!(words(&changeset), expected);
}

#[test]
fn torn_groups_leave_no_receipts_beyond_the_quota() {
    let quota = Quota {
        bytes: 1,
        ..Quota::UNLIMITED
    };
    let torn = [grouped("g", create(1)), create(2), grouped("g", create(3))];
    let changeset = push_within(quota, &full(), &torn);
    assert!(changeset.receipts.is_empty(), "{changeset:?}");
}

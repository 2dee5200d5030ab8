//! The quota of live habits.

use super::merging::grouped;
use super::*;
use crate::sync::Base;

fn habit(number: u128) -> HabitId {
    HabitId::new(Uuid::from_u128(1_000 + number))
}

fn create(number: u128) -> Operation {
    let key = u8::try_from(number).expect("a small number");
    keyed(key, Action::Habit(habit(number), Edit::Create(titled("a"))))
}

fn delete(number: u128) -> Operation {
    let edit = Edit::Delete { base: Base::Any };
    Operation::once(Action::Habit(habit(number), edit))
}

/// Carries out `operations` for an account that may have two live habits.
fn push(loaded: &Loaded, operations: &[Operation]) -> Changeset {
    let quota = Quota { live_habits: 2 };
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

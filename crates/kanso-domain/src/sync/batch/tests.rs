use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::sync::{Base, Epoch, Fingerprint, Head, ReceiptKey, Rejection};
use crate::text::{Notes, Title};
use crate::{Invalid, Version};

use OperationOutcome::{Applied, Merged};

mod groups;
mod laws;
mod merging;
mod room;
mod seen;

const READ: HabitId = HabitId::new(Uuid::from_u128(1));
const TICK: EntryId = EntryId::new(Uuid::from_u128(2));

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000).expect("in range")
}

fn nothing() -> Loaded {
    Loaded::empty(Head::beginning(Epoch::new(1), at(0)), Settings::default())
}

fn titled(title: &str) -> HabitFields {
    HabitFields {
        title: Title::new(title).ok(),
        ..HabitFields::default()
    }
}

fn create_habit(title: &str) -> Action {
    Action::Habit(READ, Edit::Create(titled(title)))
}

fn update_habit(base: i64, title: &str) -> Action {
    let base = Base::Version(Version::new(base).expect("positive"));
    Action::Habit(
        READ,
        Edit::Update {
            base,
            fields: titled(title),
        },
    )
}

fn delete_habit() -> Action {
    Action::Habit(
        READ,
        Edit::Delete {
            base: Base::Any,
            erases_texts: false,
        },
    )
}

fn entry_fields(notes: &str) -> EntryFields {
    EntryFields {
        habit_id: Some(READ),
        completion: "2026-06-02".parse().ok(),
        notes: Notes::new(notes).ok(),
        ..EntryFields::default()
    }
}

fn create_entry() -> Action {
    Action::Entry(TICK, Edit::Create(entry_fields("")))
}

fn delete_entry() -> Action {
    Action::Entry(
        TICK,
        Edit::Delete {
            base: Base::Any,
            erases_texts: false,
        },
    )
}

/// An operation with its own `op_id` and body.
fn keyed(number: u8, action: Action) -> Operation {
    let op_id = OpId::new(Uuid::from_u128(number.into()));
    let key = ReceiptKey {
        op_id,
        fingerprint: Fingerprint::of_hash([number; 32]),
    };
    Operation {
        key: Some(key),
        ..Operation::once(action)
    }
}

/// Carries out actions without ids in one write.
fn run(loaded: Loaded, actions: &[Action]) -> Changeset {
    let submit = |action: &Action| Operation::once(action.clone());
    decide(
        loaded,
        &actions.iter().map(submit).collect::<Vec<_>>(),
        at(1),
    )
}

/// Returns the state after `changeset`.
fn after(mut loaded: Loaded, changeset: &Changeset) -> Loaded {
    loaded.head = changeset.head;
    for save in &changeset.habits {
        let replaced = loaded.habits.insert(save.record.id, save.record.clone());
        assert_eq!(replaced.map(|record| record.stamp.version), save.replaces);
    }
    for save in &changeset.entries {
        let replaced = loaded.entries.insert(save.record.id, save.record.clone());
        assert_eq!(replaced.map(|record| record.stamp.version), save.replaces);
    }
    let receipts = changeset.receipts.iter();
    loaded
        .receipts
        .extend(receipts.map(|receipt| (receipt.key.op_id, receipt.clone())));
    assert_eq!(changeset.usage, recounted(&loaded));
    loaded.usage = changeset.usage;
    loaded
}

fn recounted(loaded: &Loaded) -> Usage {
    let habits = loaded.habits.values().map(Usage::of_habit);
    let entries = loaded.entries.values().map(Usage::of_entry);
    let receipts = loaded.receipts.values().map(Usage::of_receipt);
    habits
        .chain(entries)
        .chain(receipts)
        .fold(Usage::NONE, |all, one| all + one)
}

/// Returns an outcome as text, with the version or the error.
fn word(outcome: &OperationOutcome) -> String {
    match outcome {
        Applied(record) => format!("applied {}", record.stamp().version),
        Merged(record) => format!("merged {}", record.stamp().version),
        Noop(record) => format!("noop {}", record.stamp().version),
        Duplicate { version, .. } => format!("duplicate {version}"),
        OperationOutcome::Conflict(conflict) => format!("conflict {:?}", conflict.clashing),
        Gone(record) => format!("gone {}", record.entity().as_str()),
        Purged(entity) => format!("purged {}", entity.as_str()),
        Rejected(rejection) => format!("rejected {}", rejection.code.as_str()),
        Deferred(Deferral::HabitUnknown(_)) => "deferred".to_owned(),
        OverQuota(exceeded) => format!("over quota {}", exceeded.as_str()),
    }
}

fn words(changeset: &Changeset) -> Vec<String> {
    changeset.outcomes.iter().map(word).collect()
}

#[test]
fn each_operation_sees_those_before_it() {
    let unreadable = Action::Unreadable(Invalid::one("title", "is required"));
    for (actions, expected) in [
        (vec![create_habit("a")], vec!["applied 1"]),
        (
            vec![create_habit("a"), create_habit("a")],
            vec!["applied 1", "noop 1"],
        ),
        (
            vec![create_habit("a"), create_habit("b")],
            vec!["applied 1", "conflict [Title]"],
        ),
        (
            vec![create_habit("a"), update_habit(1, "b")],
            vec!["applied 1", "applied 2"],
        ),
        (
            vec![
                create_habit("a"),
                update_habit(1, "b"),
                update_habit(1, "c"),
            ],
            vec!["applied 1", "applied 2", "conflict [Title]"],
        ),
        (
            vec![
                create_habit("a"),
                update_habit(1, "b"),
                update_habit(1, "b"),
            ],
            vec!["applied 1", "applied 2", "noop 2"],
        ),
        (
            vec![
                create_habit("a"),
                delete_habit(),
                delete_habit(),
                update_habit(2, "b"),
            ],
            vec!["applied 1", "applied 2", "noop 2", "gone habit"],
        ),
        (
            vec![create_habit("a"), delete_habit(), create_habit("a")],
            vec!["applied 1", "applied 2", "gone habit"],
        ),
        (vec![update_habit(1, "a")], vec!["rejected habit_not_found"]),
        (vec![delete_entry()], vec!["rejected entry_not_found"]),
        (vec![create_entry()], vec!["deferred"]),
        (
            vec![create_habit("a"), create_entry()],
            vec!["applied 1", "applied 1"],
        ),
        (
            vec![
                create_habit("a"),
                create_entry(),
                delete_habit(),
                create_entry(),
                delete_entry(),
            ],
            vec![
                "applied 1",
                "applied 1",
                "applied 2",
                "gone habit",
                "noop 1",
            ],
        ),
        (
            vec![unreadable, create_habit("a")],
            vec!["rejected invalid", "applied 1"],
        ),
    ] {
        assert_eq!(words(&run(nothing(), &actions)), expected, "{actions:?}");
    }
}

#[test]
fn each_change_has_its_own_position_and_each_record_is_written_once() {
    let actions = [create_habit("a"), create_entry(), update_habit(1, "b")];
    let changeset = run(nothing(), &actions);
    assert_eq!(changeset.head.seq.get(), 3);
    let [habit] = &changeset.habits[..] else {
        panic!("one habit: {changeset:?}")
    };
    assert_eq!((habit.record.stamp.seq.get(), habit.replaces), (3, None));
    let [entry] = &changeset.entries[..] else {
        panic!("one entry: {changeset:?}")
    };
    assert!(entry.record.stamp.updated_at < habit.record.stamp.updated_at);
    let edited = run(after(nothing(), &changeset), &[update_habit(2, "c")]);
    assert_eq!(edited.habits[0].replaces, Version::new(2));
}

#[test]
fn a_slow_clock_moves_no_time_back() {
    let loaded = after(nothing(), &run(nothing(), &[create_habit("a")]));
    let first = loaded.head.changed_at;
    let operation = Operation::once(update_habit(1, "b"));
    let changeset = decide(loaded, &[operation], at(-3_600));
    assert_eq!(changeset.head.changed_at, first.plus_micros(1));
}

#[test]
fn a_delete_beats_an_edit_unless_it_names_a_version() {
    let loaded = after(
        nothing(),
        &run(nothing(), &[create_habit("a"), update_habit(1, "b")]),
    );
    let stale = Base::Version(Version::FIRST);
    let polite = Action::Habit(
        READ,
        Edit::Delete {
            base: stale,
            erases_texts: false,
        },
    );
    assert_eq!(words(&run(loaded.clone(), &[polite])), ["conflict []"]);
    assert_eq!(words(&run(loaded, &[delete_habit()])), ["applied 3"]);
}

#[test]
fn a_retry_gets_the_first_result_and_changes_nothing() {
    for (setup, action, first, again) in [
        (vec![], create_habit("a"), "applied 1", "duplicate 1"),
        (
            vec![create_habit("a")],
            create_habit("a"),
            "noop 1",
            "duplicate 1",
        ),
        (
            vec![create_habit("a")],
            create_habit("b"),
            "conflict [Title]",
            "conflict [Title]",
        ),
        (
            vec![create_habit("a"), delete_habit()],
            update_habit(1, "b"),
            "gone habit",
            "gone habit",
        ),
        (
            vec![],
            update_habit(1, "b"),
            "rejected habit_not_found",
            "rejected habit_not_found",
        ),
    ] {
        let loaded = after(nothing(), &run(nothing(), &setup));
        let operation = keyed(9, action);
        let once = decide(loaded.clone(), std::slice::from_ref(&operation), at(2));
        assert_eq!(words(&once), [first]);
        let twice = decide(after(loaded, &once), &[operation], at(3));
        assert_eq!(words(&twice), [again]);
        assert!(twice.is_empty() && twice.head == once.head, "{twice:?}");
    }
}

#[test]
fn a_rejection_is_stored_with_its_errors() {
    let invalid = Invalid::one("color", "must be a colour of the form #RRGGBB");
    let operation = keyed(9, Action::Unreadable(invalid.clone()));
    let once = decide(nothing(), std::slice::from_ref(&operation), at(1));
    let twice = decide(after(nothing(), &once), &[operation], at(2));
    assert_eq!(twice.outcomes, [Rejected(Rejection::from(invalid))]);
}

#[test]
fn a_deferred_operation_is_carried_out_again() {
    let operation = keyed(9, create_entry());
    let early = decide(nothing(), std::slice::from_ref(&operation), at(1));
    assert!(early.receipts.is_empty(), "{early:?}");
    let loaded = after(nothing(), &run(nothing(), &[create_habit("a")]));
    assert_eq!(words(&decide(loaded, &[operation], at(2))), ["applied 1"]);
}

/// Sends a habit and then, under the same `op_id`, another one; `prints` are the fingerprints of both.
fn sent_twice(prints: [Fingerprint; 2]) -> Changeset {
    let [first, second] = [("a", prints[0]), ("b", prints[1])].map(|(title, fingerprint)| {
        let operation = keyed(9, create_habit(title));
        let key = operation.key.map(|key| ReceiptKey { fingerprint, ..key });
        Operation { key, ..operation }
    });
    let loaded = after(nothing(), &decide(nothing(), &[first], at(1)));
    decide(loaded, &[second], at(2))
}

#[test]
fn an_op_id_with_another_body_is_rejected() {
    let changeset = sent_twice([[9; 32], [0; 32]].map(Fingerprint::of_hash));
    assert_eq!(words(&changeset), ["rejected op_id_reused"]);
    assert!(changeset.is_empty());
}

/// The content behind a fingerprint of release 0.1.0, or of a release to come, is not known.
#[test]
fn a_fingerprint_of_another_form_is_not_compared() {
    let current = Fingerprint::of_hash([9; 32]);
    let legacy = [[1; 32], [2; 32]].map(Fingerprint::from_bytes);
    let later = Fingerprint::from_bytes(*b"kansofp3........................");
    for prints in [
        [legacy[0], current],
        [current, legacy[0]],
        legacy,
        [later, current],
    ] {
        let changeset = sent_twice(prints);
        assert_eq!(words(&changeset), ["duplicate 1"], "{prints:?}");
        assert!(changeset.is_empty());
    }
}

#[test]
fn a_fingerprint_names_its_form() {
    let print = Fingerprint::of_hash([7; 32]);
    assert_eq!(print.bytes()[..8], *b"kansofp2");
    assert_eq!(print.bytes()[8..], [7; 24]);
    assert_eq!(Fingerprint::from_bytes(*print.bytes()), print);
}

#[test]
fn an_edited_habit_has_a_stale_streak() {
    let mut loaded = after(nothing(), &run(nothing(), &[create_habit("a")]));
    let today = "2026-06-02".parse().ok();
    if let Some(habit) = loaded.habits.get_mut(&READ) {
        habit.streak.day = today;
    }
    let changeset = run(loaded, &[update_habit(1, "b")]);
    assert_eq!(changeset.habits[0].record.streak.day, None);
    assert!(changeset.stale_streaks.contains(&READ));
}

/// Actions on one habit and one entry.
fn actions() -> impl Strategy<Value = Vec<Action>> {
    let action = (0..6_u8, 1..4_i64, "[ab]").prop_map(|(what, base, text)| match what {
        0 => create_habit(&text),
        1 => update_habit(base, &text),
        2 => delete_habit(),
        3 => create_entry(),
        4 => Action::Entry(
            TICK,
            Edit::Update {
                base: Base::Any,
                fields: entry_fields(&text),
            },
        ),
        _ => delete_entry(),
    });
    prop::collection::vec(action, 1..10)
}

proptest! {
    #[test]
    fn a_batch_has_the_effect_of_its_operations_one_by_one(actions in actions()) {
        let together = after(nothing(), &run(nothing(), &actions));
        let apart = actions.iter().fold(nothing(), |loaded, action| {
            let changeset = run(loaded.clone(), std::slice::from_ref(action));
            after(loaded, &changeset)
        });
        prop_assert_eq!(together, apart);
    }

    #[test]
    fn retries_have_one_effect(actions in actions(), retried in prop::collection::vec(0..10_usize, 0..20)) {
        let operations: Vec<_> = (0_u8..).zip(actions).map(|(n, action)| keyed(n, action)).collect();
        let once = after(nothing(), &decide(nothing(), &operations, at(1)));
        let mut loaded = once.clone();
        for place in retried {
            let operation = &operations[place % operations.len()];
            let has_receipt = loaded.receipts.contains_key(&operation.key.expect("keyed").op_id);
            let changeset = decide(loaded.clone(), std::slice::from_ref(operation), at(2));
            if has_receipt {
                prop_assert!(changeset.is_empty(), "{:?}", changeset);
            }
            loaded = after(loaded, &changeset);
        }
        for (id, receipt) in &once.receipts {
            prop_assert_eq!(loaded.receipts.get(id), Some(receipt));
        }
    }
}

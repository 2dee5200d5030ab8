//! Merging, groups, increments and revival, case by case.

use super::*;
use crate::Quantity;
use crate::habits::{ScheduleFields, TargetFields};
use crate::record::Member;
use crate::sync::LoadSet;
use crate::sync::{Base, OnConflict};
use crate::text::{Color, Notes};

pub(super) fn on(number: i64) -> Base {
    Base::Version(Version::new(number).expect("positive"))
}

pub(super) fn color(text: &str) -> HabitFields {
    HabitFields {
        color: Color::new(text).ok(),
        ..HabitFields::default()
    }
}

pub(super) fn weekly(times: u8) -> HabitFields {
    HabitFields {
        schedule: ScheduleFields {
            times_per_week: Some(times),
            frequency_type: Some(crate::habits::FrequencyType::Weekly),
            ..ScheduleFields::default()
        },
        ..HabitFields::default()
    }
}

fn timed() -> HabitFields {
    HabitFields {
        target: TargetFields {
            kind: Some(crate::habits::HabitType::Timer),
            ..TargetFields::default()
        },
        ..HabitFields::default()
    }
}

pub(super) fn archived() -> HabitFields {
    HabitFields {
        archived_at: Some(Some(at(0))),
        ..HabitFields::default()
    }
}

pub(super) fn dates(start: Option<&str>, end: Option<&str>) -> HabitFields {
    HabitFields {
        start_date: start.map(|date| date.parse().ok()),
        end_date: end.map(|date| date.parse().ok()),
        ..HabitFields::default()
    }
}

pub(super) fn edit(base: Base, fields: HabitFields) -> Action {
    Action::Habit(READ, Edit::Update { base, fields })
}

/// An operation with this policy.
pub(super) fn with(on_conflict: OnConflict, revive: bool, action: Action) -> Operation {
    Operation {
        policy: ConflictPolicy {
            on_conflict,
            revive,
        },
        ..Operation::once(action)
    }
}

pub(super) fn merge(action: Action) -> Operation {
    with(OnConflict::Merge, false, action)
}

pub(super) fn grouped(name: &str, operation: Operation) -> Operation {
    Operation {
        group: Some(name.to_owned()),
        ..operation
    }
}

pub(super) fn submit(loaded: &Loaded, operations: &[Operation]) -> Changeset {
    decide(loaded.clone(), operations, at(1))
}

/// A habit at version 2, which changed its title.
fn retitled() -> Loaded {
    let actions = [create_habit("a"), update_habit(1, "b")];
    after(nothing(), &run(nothing(), &actions))
}

#[test]
fn an_edit_of_an_older_version_merges_unless_a_field_clashes() {
    use OnConflict::{Client, Merge, Reject, Server};
    for (on_conflict, fields, expected) in [
        (Merge, color("#112233"), "merged 3"),
        (Server, color("#112233"), "merged 3"),
        (Client, color("#112233"), "applied 3"),
        (Reject, color("#112233"), "conflict [Color]"),
        (Merge, titled("c"), "conflict [Title]"),
        (Server, titled("c"), "noop 2"),
        (Client, titled("c"), "applied 3"),
        (Reject, titled("c"), "conflict [Title]"),
        (Merge, titled("b"), "noop 2"),
        (Reject, titled("b"), "noop 2"),
        (Merge, archived(), "merged 3"),
        (Merge, weekly(3), "merged 3"),
    ] {
        let operation = with(on_conflict, false, edit(on(1), fields));
        let changeset = submit(&retitled(), std::slice::from_ref(&operation));
        assert_eq!(words(&changeset), [expected], "{operation:?}");
    }
}

#[test]
fn a_conflict_lists_mergeable_members() {
    let both = HabitFields {
        color: Color::new("#112233").ok(),
        ..titled("c")
    };
    let changeset = submit(&retitled(), &[merge(edit(on(1), both))]);
    let [OperationOutcome::Conflict(conflict)] = &changeset.outcomes[..] else {
        panic!("expected a conflict: {changeset:?}")
    };
    assert_eq!(conflict.your_base, Version::new(1));
    assert_eq!(conflict.clashing, [Member::Title]);
    assert_eq!(conflict.mergeable, [Member::Color]);
    assert!(changeset.is_empty());
}

#[test]
fn a_schedule_is_one_field_with_its_history() {
    let rescheduled = after(
        nothing(),
        &run(nothing(), &[create_habit("a"), edit(on(1), weekly(3))]),
    );
    for (fields, expected) in [
        (weekly(2), "conflict [TimesPerWeek]"),
        (timed(), "conflict [Type]"),
        (weekly(3), "noop 2"),
        (titled("b"), "merged 3"),
    ] {
        let changeset = submit(&rescheduled, &[merge(edit(on(1), fields))]);
        assert_eq!(words(&changeset), [expected]);
    }
}

#[test]
fn an_edit_that_is_valid_only_for_an_older_version_is_a_conflict() {
    let ends = edit(on(1), dates(None, Some("2026-01-01")));
    let ended = after(nothing(), &run(nothing(), &[create_habit("a"), ends]));
    let starts = |base| edit(base, dates(Some("2026-02-01"), None));
    let conflict = submit(&ended, &[merge(starts(on(1)))]);
    assert_eq!(words(&conflict), ["conflict [StartDate]"]);
    let dropped = submit(&ended, &[with(OnConflict::Server, false, starts(on(1)))]);
    assert_eq!(words(&dropped), ["noop 2"]);
    assert_eq!(
        words(&submit(&ended, &[merge(starts(on(2)))])),
        ["rejected invalid"]
    );
}

#[test]
fn a_version_that_was_never_issued_is_a_conflict() {
    let ahead = submit(&retitled(), &[merge(edit(on(7), color("#112233")))]);
    assert_eq!(words(&ahead), ["conflict [Color]"]);
}

#[test]
fn a_delete_yields_only_by_its_policy() {
    use OnConflict::{Client, Merge, Reject, Server};
    for (on_conflict, expected) in [
        (Merge, "applied 3"),
        (Client, "applied 3"),
        (Server, "noop 2"),
        (Reject, "conflict []"),
    ] {
        let delete = Action::Habit(
            READ,
            Edit::Delete {
                base: on(1),
                erases_texts: false,
            },
        );
        let changeset = submit(&retitled(), &[with(on_conflict, false, delete)]);
        assert_eq!(words(&changeset), [expected], "{on_conflict:?}");
    }
}

#[test]
fn a_delete_beats_an_edit_unless_it_revives() {
    let deleted = after(retitled(), &run(retitled(), &[delete_habit()]));
    for (operation, expected) in [
        (merge(edit(on(2), color("#112233"))), "gone habit"),
        (merge(create_habit("b")), "gone habit"),
        (
            with(OnConflict::Merge, true, edit(on(2), color("#112233"))),
            "applied 4",
        ),
        (
            with(OnConflict::Reject, true, edit(on(2), color("#112233"))),
            "applied 4",
        ),
        (
            with(OnConflict::Merge, true, edit(on(1), color("#112233"))),
            "merged 4",
        ),
        (
            with(OnConflict::Merge, true, edit(on(1), titled("c"))),
            "conflict [Title]",
        ),
        (
            with(OnConflict::Merge, true, create_habit("z")),
            "applied 4",
        ),
    ] {
        let changeset = submit(&deleted, std::slice::from_ref(&operation));
        assert_eq!(words(&changeset), [expected], "{operation:?}");
        if expected != "gone habit" && !expected.starts_with("conflict") {
            assert!(!changeset.habits[0].record.stamp.is_deleted());
        }
    }
}

#[test]
fn a_revived_habit_brings_its_entries_back() {
    let kept = after(
        nothing(),
        &run(nothing(), &[create_habit("a"), create_entry()]),
    );
    let deleted = after(kept.clone(), &run(kept.clone(), &[delete_habit()]));
    assert_eq!(deleted.head.digest, Digest::EMPTY);
    let revive = with(OnConflict::Merge, true, edit(on(2), titled("b")));
    assert!(
        LoadSet::of(std::slice::from_ref(&revive))
            .entries_of
            .contains(&READ)
    );
    let changeset = submit(&deleted, &[revive]);
    let [entry] = &changeset.entries[..] else {
        panic!("expected the entry to be sent again: {changeset:?}")
    };
    assert!(entry.record.stamp.seq > deleted.head.seq);
    assert_eq!(entry.record.stamp.version, Version::FIRST);
    let revived = after(deleted, &changeset);
    assert_eq!(revived.head.digest, from_scratch(&revived));
}

#[test]
fn a_revived_entry_keeps_its_habit() {
    let elsewhere = HabitId::new(Uuid::from_u128(7));
    let actions = [
        create_habit("a"),
        Action::Habit(elsewhere, Edit::Create(titled("b"))),
        create_entry(),
        delete_entry(),
    ];
    let loaded = after(nothing(), &run(nothing(), &actions));
    let create = |habit_id| {
        let fields = EntryFields {
            habit_id: Some(habit_id),
            ..entry_fields("again")
        };
        let create = Action::Entry(TICK, Edit::Create(fields));
        with(OnConflict::Merge, true, create)
    };
    let moved = submit(&loaded, &[create(elsewhere)]);
    assert_eq!(words(&moved), ["rejected invalid"]);
    assert_eq!(words(&submit(&loaded, &[create(READ)])), ["applied 3"]);
}

#[test]
fn a_purged_record_stays_purged_unless_it_is_revived() {
    let mut purged = nothing();
    purged.purged_habits.insert(READ);
    purged.purged_entries.insert(TICK);
    for (operation, expected) in [
        (merge(create_habit("a")), "purged habit"),
        (merge(update_habit(1, "a")), "purged habit"),
        (merge(delete_habit()), "purged habit"),
        (merge(create_entry()), "purged habit"),
        (merge(delete_entry()), "purged entry"),
        (
            with(OnConflict::Merge, true, create_habit("a")),
            "applied 1",
        ),
    ] {
        let changeset = submit(&purged, std::slice::from_ref(&operation));
        assert_eq!(words(&changeset), [expected], "{operation:?}");
    }
    let both = [create_habit("a")].map(|action| with(OnConflict::Merge, true, action));
    let again = after(purged.clone(), &submit(&purged, &both));
    assert_eq!(words(&run(again, &[create_entry()])), ["purged entry"]);
}

#[test]
fn increments_add_to_every_value() {
    let ticked = after(
        nothing(),
        &run(nothing(), &[create_habit("a"), create_entry()]),
    );
    let add = |thousandths| {
        let change = QuantityChange::from_thousandths(thousandths).expect("small");
        Action::Increment(TICK, change)
    };
    let changeset = run(ticked.clone(), &[add(250), add(-1_000), add(0)]);
    assert_eq!(words(&changeset), ["applied 2", "applied 3", "noop 3"]);
    assert_eq!(
        changeset.entries[0].record.details.value,
        Quantity::from_thousandths(250).expect("small")
    );
    assert_eq!(
        words(&run(ticked.clone(), &[add(-1_001)])),
        ["rejected invalid"]
    );
    assert_eq!(
        words(&run(nothing(), &[add(1)])),
        ["rejected entry_not_found"]
    );
    let gone = run(ticked.clone(), &[delete_entry(), add(1)]);
    assert_eq!(words(&gone), ["applied 2", "gone entry"]);
    let gone = run(ticked.clone(), &[delete_habit(), add(1)]);
    assert_eq!(words(&gone), ["applied 2", "gone habit"]);
    let noted = Action::Entry(
        TICK,
        Edit::Update {
            base: on(1),
            fields: EntryFields {
                notes: Notes::new("late").ok(),
                ..EntryFields::default()
            },
        },
    );
    let both = submit(&ticked, &[merge(add(1)), merge(noted.clone())]);
    assert_eq!(
        words(&both),
        ["applied 2", "applied 3"],
        "both are from one device"
    );
    let added = after(ticked.clone(), &run(ticked, &[add(1)]));
    assert_eq!(words(&submit(&added, &[merge(noted)])), ["merged 3"]);
}

#[test]
fn a_group_is_carried_out_all_or_none() {
    let habit = nothing();
    let good = |number| grouped("g", keyed(number, create_habit("a")));
    let bad = |number| grouped("g", keyed(number, update_habit(7, "z")));
    let late = |number| {
        grouped(
            "g",
            keyed(
                number,
                Action::Entry(
                    TICK,
                    Edit::Create(EntryFields {
                        habit_id: Some(HabitId::new(Uuid::from_u128(99))),
                        ..entry_fields("")
                    }),
                ),
            ),
        )
    };
    let alone = |number| keyed(number, create_habit("a"));
    for (operations, expected) in [
        (vec![good(1), alone(2)], vec!["applied 1", "noop 1"]),
        (
            vec![good(1), bad(2)],
            vec!["rejected group_failed", "rejected group_failed"],
        ),
        (
            vec![good(1), bad(2), alone(3)],
            vec![
                "rejected group_failed",
                "rejected group_failed",
                "applied 1",
            ],
        ),
        (
            vec![alone(3), good(1), bad(2)],
            vec!["applied 1", "rejected group_failed", "conflict [Title]"],
        ),
        (vec![good(1), late(2)], vec!["deferred", "deferred"]),
        (
            vec![good(1), alone(2), good(3)],
            vec!["rejected group_split", "applied 1", "rejected group_split"],
        ),
    ] {
        let changeset = submit(&habit, &operations);
        assert_eq!(words(&changeset), expected, "{operations:?}");
        let after = after(habit.clone(), &changeset);
        assert_eq!(after.head.digest, from_scratch(&after));
        let again = submit(&after, &operations);
        if !expected.contains(&"deferred") {
            assert!(again.is_empty(), "a retry changes nothing: {again:?}");
        }
    }
}

#[test]
fn a_failed_group_leaves_earlier_changes_of_a_record() {
    let kept = after(
        nothing(),
        &run(nothing(), &[create_habit("a"), create_entry()]),
    );
    let deleted = after(kept.clone(), &run(kept, &[delete_habit()]));
    let revive = with(OnConflict::Merge, true, edit(on(2), titled("b")));
    let delete = grouped("g", Operation::once(delete_entry()));
    let fails = grouped("g", Operation::once(update_habit(1, "z")));
    let changeset = submit(&deleted, &[revive, delete, fails]);
    // The entry has its loaded values, but a new position in the history, which must be stored.
    assert_eq!(changeset.entries.len(), 1, "{changeset:?}");
    assert!(!changeset.entries[0].record.stamp.is_deleted());
    assert!(changeset.entries[0].record.stamp.seq <= changeset.head.seq);
}

/// Returns the digest of the live records in `loaded`.
pub(super) fn from_scratch(loaded: &Loaded) -> Digest {
    let live: BTreeSet<_> = loaded
        .habits
        .values()
        .filter(|habit| !habit.stamp.is_deleted())
        .map(|habit| habit.id)
        .collect();
    let habits: Digest = loaded
        .habits
        .values()
        .filter(|habit| live.contains(&habit.id))
        .map(Digest::of_habit)
        .sum();
    let entries = loaded
        .entries
        .values()
        .filter(|entry| !entry.stamp.is_deleted() && live.contains(&entry.details.habit_id));
    entries.map(Digest::of_entry).fold(habits, Digest::plus)
}

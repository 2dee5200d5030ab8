//! The laws of merging, groups, increments and the digest.

use proptest::prelude::*;

use super::merging::{
    archived, color, dates, edit, from_scratch, grouped, merge, on, submit, weekly, with,
};
use super::*;
use crate::QuantityChange;
use crate::sync::OnConflict;

/// Any operation on one habit and one entry, with any policy, some in groups.
fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let on_conflict = prop_oneof![
        Just(OnConflict::Reject),
        Just(OnConflict::Merge),
        Just(OnConflict::Server),
        Just(OnConflict::Client)
    ];
    let action = (0..9_u8, 1..5_i64, "[ab]").prop_map(|(what, base, text)| match what {
        0 => create_habit(&text),
        1 => update_habit(base, &text),
        2 => edit(on(base), color("#112233")),
        3 => edit(on(base), archived()),
        4 => delete_habit(),
        5 => create_entry(),
        6 => Action::Entry(
            TICK,
            Edit::Update {
                base: on(base),
                fields: EntryFields {
                    habit_id: None,
                    ..entry_fields(&text)
                },
            },
        ),
        7 => Action::Increment(
            TICK,
            QuantityChange::from_thousandths(base - 3).expect("small"),
        ),
        _ => delete_entry(),
    });
    let operation = (
        action,
        on_conflict,
        any::<bool>(),
        prop::option::of(0..2_u8),
    )
        .prop_map(|(action, on_conflict, revive, group)| Operation {
            group: group.map(|number| number.to_string()),
            ..with(on_conflict, revive, action)
        });
    prop::collection::vec(operation, 1..14)
}

fn keyed_all(operations: Vec<Operation>) -> Vec<Operation> {
    (0_u8..)
        .zip(operations)
        .map(|(number, operation)| Operation {
            key: keyed(number, create_habit("")).key,
            ..operation
        })
        .collect()
}

/// The edits of two devices, each of some fields of the habit.
fn halves() -> impl Strategy<Value = HabitFields> {
    prop_oneof![
        "[cd]".prop_map(|text| titled(&text)),
        Just(color("#112233")),
        Just(archived()),
        (1..4_u8).prop_map(weekly),
        Just(dates(Some("2026-02-01"), None))
    ]
}

proptest! {
    #[test]
    fn the_digest_follows_every_change(batches in prop::collection::vec(operations(), 1..4)) {
        let mut loaded = nothing();
        for batch in batches {
            loaded = after(loaded.clone(), &submit(&loaded, &batch));
            prop_assert_eq!(loaded.head.digest, from_scratch(&loaded));
        }
    }

    #[test]
    fn a_retried_batch_changes_nothing(batch in operations()) {
        let batch = keyed_all(batch);
        let once = after(nothing(), &submit(&nothing(), &batch));
        // A deferred operation is carried out again, and may find its habit now.
        let is_settled = |operation: &&Operation| {
            let key = operation.key.expect("keyed");
            once.receipts.contains_key(&key.op_id)
        };
        let settled: Vec<_> = batch.iter().filter(is_settled).cloned().collect();
        prop_assert_eq!(&after(once.clone(), &submit(&once, &settled)), &once);
    }

    #[test]
    fn a_group_has_the_effect_of_all_its_operations_or_none(batch in operations(), earlier in operations()) {
        let before = after(nothing(), &submit(&nothing(), &earlier));
        let apart: Vec<_> = batch.iter().map(|operation| Operation { group: None, ..operation.clone() }).collect();
        let together: Vec<_> = apart.iter().map(|operation| grouped("g", operation.clone())).collect();
        let alone = submit(&before, &apart);
        let group = submit(&before, &together);
        let all = alone.outcomes.iter().all(|outcome| matches!(outcome, Applied(_) | Merged(_) | Noop(_)));
        if all {
            prop_assert_eq!(group, alone);
        } else {
            prop_assert_eq!(after(before.clone(), &group), before);
        }
    }

    #[test]
    fn edits_of_different_fields_merge_in_any_order(mine in halves(), theirs in halves()) {
        let made = after(nothing(), &run(nothing(), &[create_habit("a")]));
        let land = |first: &HabitFields, second: &HabitFields| {
            let [first, second] = [first, second].map(|fields| [merge(edit(on(1), fields.clone()))]);
            let landed = after(made.clone(), &submit(&made, &first));
            let mut changeset = submit(&landed, &second);
            let details = after(landed, &changeset).habits[&READ].details.clone();
            (changeset.outcomes.pop(), details)
        };
        let (outcome, details) = land(&mine, &theirs);
        let (_, mirrored) = land(&theirs, &mine);
        if let Some(OperationOutcome::Conflict(conflict)) = &outcome {
            // Only fields that both edits change clash, and then the first edit stays.
            prop_assert!(!conflict.clashing.is_empty());
            prop_assert_eq!(theirs.differing(&details).len(), conflict.clashing.len());
            prop_assert!(mine.differing(&details).is_empty());
        } else {
            prop_assert!(mine.differing(&details).is_empty());
            prop_assert!(theirs.differing(&details).is_empty());
            prop_assert_eq!(details, mirrored);
        }
    }

    #[test]
    fn increments_commute(changes in prop::collection::vec(0..1_000_i64, 1..6), rotation in any::<prop::sample::Index>()) {
        let ticked = after(nothing(), &run(nothing(), &[create_habit("a"), create_entry()]));
        let value = |changes: &[i64]| {
            let add = |&by: &i64| Action::Increment(TICK, QuantityChange::from_thousandths(by).expect("small"));
            let actions: Vec<_> = changes.iter().map(add).collect();
            let after = after(ticked.clone(), &run(ticked.clone(), &actions));
            after.entries[&TICK].details.value
        };
        let mut rotated = changes.clone();
        rotated.rotate_left(rotation.index(changes.len()));
        prop_assert_eq!(value(&changes), value(&rotated));
    }
}

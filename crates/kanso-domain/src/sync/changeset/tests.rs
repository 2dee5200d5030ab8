use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::entries::EntryFields;
use crate::habits::HabitFields;
use crate::sync::{Base, Epoch, decide};
use crate::text::{Notes, Title};
use crate::{Seq, Timestamp};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000).expect("in range")
}

/// Returns the state of a user without records.
fn nothing() -> Loaded {
    Loaded::empty(Head::beginning(Epoch::new(1), at(0)), Settings::default())
}

/// Returns the state after `changeset`.
fn after(mut loaded: Loaded, changeset: &Changeset) -> Loaded {
    loaded.head = changeset.head;
    loaded.usage = changeset.usage;
    for save in &changeset.habits {
        loaded.habits.insert(save.record.id, save.record.clone());
    }
    for save in &changeset.entries {
        loaded.entries.insert(save.record.id, save.record.clone());
    }
    loaded
}

/// Returns the delta of `loaded` after `position`: all records but the live entries of deleted
/// habits.
fn delta(loaded: &Loaded, position: Seq) -> Vec<Record> {
    let is_deleted = |id| loaded.habits.get(id).is_none_or(|h| h.stamp.is_deleted());
    let habits = loaded.habits.values().cloned().map(Record::Habit);
    let entries = loaded
        .entries
        .values()
        .filter(|entry| entry.stamp.is_deleted() || !is_deleted(&entry.details.habit_id));
    let mut records: Vec<_> = habits.chain(entries.cloned().map(Record::Entry)).collect();
    records.retain(|record| record.stamp().seq > position);
    records.sort_by_key(|record| record.stamp().seq);
    records
}

/// Actions on few records, so that they affect each other.
fn actions() -> impl Strategy<Value = Vec<Operation>> {
    let action = (0..6_u8, 0..3_u128, 0..3_u128, "[ab]").prop_map(|(what, habit, entry, text)| {
        let habit_id = HabitId::new(Uuid::from_u128(habit));
        let entry_id = EntryId::new(Uuid::from_u128(entry));
        let title = HabitFields {
            title: Title::new(&text).ok(),
            ..HabitFields::default()
        };
        let notes = EntryFields {
            notes: Notes::new(&text).ok(),
            ..EntryFields::default()
        };
        let base = Base::Any;
        match what {
            0 => Action::Habit(habit_id, Edit::Create(title)),
            1 => Action::Habit(
                habit_id,
                Edit::Update {
                    base,
                    fields: title,
                },
            ),
            2 => Action::Habit(
                habit_id,
                Edit::Delete {
                    base,
                    erases_texts: false,
                },
            ),
            3 => {
                let completion = "2026-06-02".parse().ok();
                let fields = EntryFields {
                    habit_id: Some(habit_id),
                    completion,
                    ..notes
                };
                Action::Entry(entry_id, Edit::Create(fields))
            }
            4 => Action::Entry(
                entry_id,
                Edit::Update {
                    base,
                    fields: notes,
                },
            ),
            _ => Action::Entry(
                entry_id,
                Edit::Delete {
                    base,
                    erases_texts: false,
                },
            ),
        }
    });
    let operation = action.prop_map(Operation::once);
    prop::collection::vec(operation, 1..12)
}

proptest! {
    #[test]
    fn the_page_of_a_write_equals_a_read(
        earlier in actions(), mine in actions(), behind in 0..3_i64,
    ) {
        let before = nothing();
        let before = after(before.clone(), &decide(before, &earlier, at(1)));
        let changeset = decide(before.clone(), &mine, at(2));
        let position = Seq::new(before.head.seq.get() - behind).unwrap_or_default();
        let page = changeset.page_after(position, 1_000);
        // A device that was behind has more to read than the records of this write.
        prop_assert_eq!(page.is_some(), position == before.head.seq);
        if let Some(page) = page {
            let after = after(before, &changeset);
            prop_assert_eq!(page.records, delta(&after, position));
            prop_assert_eq!((page.head, page.remaining), (after.head, 0));
        }
    }

    #[test]
    fn a_page_that_does_not_fit_is_read_instead(mine in actions()) {
        let changeset = decide(nothing(), &mine, at(2));
        let length = changeset.page_after(Seq::ZERO, 1_000).expect("no other write").records.len();
        let limit = u32::try_from(length).expect("few");
        prop_assert!(changeset.page_after(Seq::ZERO, limit).is_some());
        if let Some(less) = limit.checked_sub(1) {
            prop_assert!(changeset.page_after(Seq::ZERO, less).is_none());
        }
    }
}

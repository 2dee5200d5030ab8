//! Lists of live records.

use kanso_application::ports::storage::{
    EntryFilter, EntryKey, EntryQuery, HabitKey, HabitQuery, Storage,
};
use kanso_domain::entries::{Completion, EntryFields};
use kanso_domain::habits::HabitFields;
use kanso_domain::sync::Base;

use super::test_user::TestUser;
use crate::build::{
    create_entry, create_habit, delete_entry, delete_habit, done, entry, habit, noon, titled,
    update_habit,
};

/// Habits are listed by `sort_order`, then newest first.
pub async fn habits_stand_by_sort_order_then_newest_first(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
    // Habit 6 is made before habit 5, so that the order by time and the order by id differ.
    for (number, sort_order) in [(1, 5), (2, -1), (3, 5), (4, 0), (6, 5), (5, 5)] {
        let fields = HabitFields {
            sort_order: Some(sort_order),
            ..titled("Read")
        };
        person.apply(create_habit(habit(number), fields)).await;
    }
    // An edit does not make a habit newer.
    person
        .apply(update_habit(habit(1), Base::Any, titled("Run")))
        .await;
    assert_eq!(listed(&person, false).await, [2, 4, 5, 6, 3, 1]);
}

/// Archived habits are listed on request only, deleted ones never.
pub async fn archived_habits_are_listed_on_request(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
    for number in 1..=4 {
        let sort_order = i32::try_from(number).ok();
        let fields = HabitFields {
            sort_order,
            ..titled("Read")
        };
        person.apply(create_habit(habit(number), fields)).await;
    }
    let archive = |number| {
        let fields = HabitFields {
            archived_at: Some(Some(noon())),
            ..HabitFields::default()
        };
        update_habit(habit(number), Base::Any, fields)
    };
    for command in [
        archive(2),
        archive(3),
        delete_habit(habit(3), Base::Any),
        delete_habit(habit(4), Base::Any),
    ] {
        person.apply(command).await;
    }
    assert_eq!(listed(&person, false).await, [1]);
    assert_eq!(listed(&person, true).await, [1, 2]);
}

async fn listed(person: &TestUser<'_>, archived_too: bool) -> Vec<u128> {
    let habits = person
        .storage
        .habits(person.id, HabitQuery::all(archived_too));
    let habits = habits.await.unwrap();
    habits
        .iter()
        .map(|habit| habit.id.uuid().as_u128())
        .collect()
}

/// A deleted record is not returned by id, nor is an entry of a deleted habit.
pub async fn a_deleted_record_is_not_shown(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
    let shown = async || {
        let habit = storage.habit(person.id, habit(1)).await.unwrap();
        let first = storage.entry(person.id, entry(1)).await.unwrap();
        let second = storage.entry(person.id, entry(2)).await.unwrap();
        (habit.is_some(), first.is_some(), second.is_some())
    };
    assert_eq!(shown().await, (false, false, false));
    for (command, expected) in [
        (create_habit(habit(1), titled("Read")), (true, false, false)),
        (
            create_entry(entry(1), done(habit(1), "2026-01-15")),
            (true, true, false),
        ),
        (
            create_entry(entry(2), done(habit(1), "2026-01-15")),
            (true, true, true),
        ),
        (delete_entry(entry(1), Base::Any), (true, false, true)),
        (delete_habit(habit(1), Base::Any), (false, false, false)),
    ] {
        person.apply(command).await;
        assert_eq!(shown().await, expected);
    }
}

/// Entries are listed by completion, newest first, independent of their local date.
pub async fn entries_stand_newest_completion_first(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
    person.apply(create_habit(habit(1), titled("Read"))).await;
    for (number, when) in [
        (1, "2026-01-15T00:00:00Z"),
        (2, "2026-01-16T00:00:00.000001Z"),
        (3, "2026-01-16"),
        (4, "2026-01-14T23:59:59.999999Z"),
        (5, "2026-01-15"),
    ] {
        let fields = EntryFields {
            local_date: Some("2026-03-03".parse().ok()),
            ..done(habit(1), when)
        };
        person.apply(create_entry(entry(number), fields)).await;
    }
    let all = EntryFilter::default();
    assert_eq!(filtered(&person, all).await, [2, 3, 5, 1, 4]);
}

/// Both bounds of a filter are inclusive; an instant is compared with the completion, a date with
/// the local date.
pub async fn bounds_are_inclusive(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
    person.apply(create_habit(habit(1), titled("Read"))).await;
    for (number, when, local_date) in [
        (1, "2026-01-14T10:00:00Z", "2026-01-14"),
        (2, "2026-01-15T10:00:00Z", "2026-01-15"),
        // Completed after midnight, it counts for the day before.
        (3, "2026-01-16T01:00:00Z", "2026-01-15"),
        (4, "2026-01-16", "2026-01-16"),
        (5, "2026-01-17T10:00:00.000001Z", "2026-01-17"),
    ] {
        let fields = EntryFields {
            local_date: Some(local_date.parse().ok()),
            ..done(habit(1), when)
        };
        person.apply(create_entry(entry(number), fields)).await;
    }
    // Mixed bounds are included: one end may be an instant and the other a date.
    let cases: [(&str, &str, &[u128]); 10] = [
        ("", "", &[5, 3, 4, 2, 1]),
        ("2026-01-15", "2026-01-16", &[3, 4, 2]),
        ("2026-01-15", "2026-01-15", &[3, 2]),
        ("2026-01-16", "", &[5, 4]),
        ("", "2026-01-14", &[1]),
        ("2026-01-15T10:00:00Z", "2026-01-16T01:00:00Z", &[3, 4, 2]),
        (
            "2026-01-15T10:00:00.000001Z",
            "2026-01-16T00:59:59.999999Z",
            &[4],
        ),
        ("2026-01-17T10:00:00.000001Z", "", &[5]),
        ("2026-01-16", "2026-01-17T10:00:00Z", &[4]),
        ("2026-01-16T00:00:00Z", "2026-01-15", &[3]),
    ];
    for (from, to, expected) in cases {
        let filter = EntryFilter {
            habit_id: None,
            from: bound(from),
            to: bound(to),
        };
        assert_eq!(filtered(&person, filter).await, expected, "{from}..={to}");
    }
}

fn bound(text: &str) -> Option<Completion> {
    (!text.is_empty()).then(|| text.parse().unwrap())
}

/// A filter by habit returns the entries of that habit, within the bounds.
pub async fn entries_are_listed_by_habit(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
    for command in [
        create_habit(habit(1), titled("Read")),
        create_habit(habit(2), titled("Run")),
        create_entry(entry(1), done(habit(1), "2026-01-14")),
        create_entry(entry(2), done(habit(2), "2026-01-15")),
        create_entry(entry(3), done(habit(1), "2026-01-16")),
        create_entry(entry(4), done(habit(2), "2026-01-17")),
    ] {
        person.apply(command).await;
    }
    for (number, from, expected) in [
        (1, "", &[3, 1][..]),
        (2, "", &[4, 2]),
        (1, "2026-01-15", &[3]),
        (2, "2026-01-16T00:00:00Z", &[4]),
        (3, "", &[]),
    ] {
        let filter = EntryFilter {
            habit_id: Some(habit(number)),
            from: bound(from),
            to: None,
        };
        assert_eq!(filtered(&person, filter).await, expected, "{number} {from}");
    }
}

/// Tombstones and entries of deleted habits are not listed.
pub async fn only_live_entries_of_live_habits_are_listed(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
    for command in [
        create_habit(habit(1), titled("Read")),
        create_habit(habit(2), titled("Run")),
        create_entry(entry(1), done(habit(1), "2026-01-14")),
        create_entry(entry(2), done(habit(2), "2026-01-15")),
        create_entry(entry(3), done(habit(1), "2026-01-16")),
        delete_entry(entry(3), Base::Any),
        delete_habit(habit(2), Base::Any),
    ] {
        person.apply(command).await;
    }
    let all = EntryFilter::default();
    assert_eq!(filtered(&person, all).await, [1]);
    let of_deleted = EntryFilter {
        habit_id: Some(habit(2)),
        ..all
    };
    assert_eq!(filtered(&person, of_deleted).await, []);
}

async fn filtered(person: &TestUser<'_>, filter: EntryFilter) -> Vec<u128> {
    let keys = person.storage.entry_keys(person.id, filter.into());
    numbers(&keys.await.unwrap())
}

fn numbers(keys: &[EntryKey]) -> Vec<u128> {
    keys.iter().map(|key| key.id.uuid().as_u128()).collect()
}

/// Pages of one entry each are the list cut into pieces, also between entries of the same time.
pub async fn pages_of_entries_are_the_list_cut_into_pieces(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
    person.apply(create_habit(habit(1), titled("Read"))).await;
    for (number, when) in [
        (1, "2026-01-15"),
        (2, "2026-01-16"),
        (3, "2026-01-15T00:00:00Z"),
        (4, "2026-01-14"),
        (5, "2026-01-15"),
    ] {
        let command = create_entry(entry(number), done(habit(1), when));
        person.apply(command).await;
    }
    for habit_id in [None, Some(habit(1))] {
        let mut query = EntryQuery {
            filter: EntryFilter {
                habit_id,
                ..EntryFilter::default()
            },
            after: None,
            limit: Some(1),
        };
        let mut read = Vec::new();
        loop {
            let keys = storage.entry_keys(person.id, query).await.unwrap();
            let Some(last) = keys.last().copied() else {
                break;
            };
            read.extend(numbers(&keys));
            query.after = Some(last);
        }
        assert_eq!(read, [2, 5, 3, 1, 4]);
    }
}

/// A write between two pages skips and repeats no other entry, also if it deletes the last entry of
/// the page before.
pub async fn writes_between_pages_move_no_other_entry(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
    person.apply(create_habit(habit(1), titled("Read"))).await;
    for number in 1..=6 {
        let when = format!("2026-01-{:02}", 10 + number);
        let command = create_entry(entry(number), done(habit(1), &when));
        person.apply(command).await;
    }
    let page = async |after| {
        let query = EntryQuery {
            after,
            limit: Some(2),
            ..EntryQuery::default()
        };
        storage.entry_keys(person.id, query).await.unwrap()
    };
    let first = page(None).await;
    assert_eq!(numbers(&first), [6, 5]);
    for command in [
        delete_entry(entry(5), Base::Any),
        delete_entry(entry(6), Base::Any),
        // Newer than the first page: it belongs before it.
        create_entry(entry(7), done(habit(1), "2026-01-30")),
    ] {
        person.apply(command).await;
    }
    let second = page(first.last().copied()).await;
    assert_eq!(numbers(&second), [4, 3]);
    // Older than the second page: it is still to come.
    let older = create_entry(entry(8), done(habit(1), "2026-01-01"));
    person.apply(older).await;
    let third = page(second.last().copied()).await;
    assert_eq!(numbers(&third), [2, 1]);
    assert_eq!(numbers(&page(third.last().copied()).await), [8]);
}

/// Only live entries of live habits are returned by their ids.
pub async fn entries_are_read_by_their_ids(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
    let stranger = TestUser::register(storage, 2).await;
    for command in [
        create_habit(habit(1), titled("Read")),
        create_habit(habit(2), titled("Run")),
        create_entry(entry(1), done(habit(1), "2026-01-14")),
        create_entry(entry(2), done(habit(2), "2026-01-15")),
        create_entry(entry(3), done(habit(1), "2026-01-16")),
        create_entry(entry(4), done(habit(1), "2026-01-17")),
        delete_entry(entry(3), Base::Any),
        delete_habit(habit(2), Base::Any),
    ] {
        person.apply(command).await;
    }
    let ids: Vec<_> = (0..6).map(entry).collect();
    let entries = storage.entries(person.id, ids.clone()).await.unwrap();
    let mut found: Vec<_> = entries.iter().map(|entry| entry.id).collect();
    found.sort_unstable();
    assert_eq!(found, [entry(1), entry(4)]);
    assert_eq!(storage.entries(stranger.id, ids).await.unwrap(), []);
}

/// Pages of habits are the list cut into pieces, also between habits of the same position.
pub async fn pages_of_habits_are_the_list_cut_into_pieces(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
    for (number, sort_order) in [(1, 5), (2, -1), (3, 5), (4, 0), (6, 5), (5, 5)] {
        let fields = HabitFields {
            sort_order: Some(sort_order),
            ..titled("Read")
        };
        person.apply(create_habit(habit(number), fields)).await;
    }
    let mut query = HabitQuery {
        limit: Some(1),
        ..HabitQuery::default()
    };
    let mut read = Vec::new();
    while let [next] = &storage.habits(person.id, query).await.unwrap()[..] {
        read.push(next.id.uuid().as_u128());
        query.after = Some(HabitKey::of(next));
        // The next page begins after a habit that is deleted by then.
        person.apply(delete_habit(next.id, Base::Any)).await;
    }
    assert_eq!(read, [2, 4, 5, 6, 3, 1]);
}

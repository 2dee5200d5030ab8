//! Deltas: changed records in the order of their changes.

use kanso_application::ports::storage::{DeltaQuery, Scope, Storage};
use kanso_domain::sync::{Base, Head, Since};
use kanso_domain::{Entity, Record, Seq, Timestamp};

use super::test_user::TestUser;
use crate::build::{
    create_entry, create_habit, delete_entry, delete_habit, done, entry, habit, noted, titled,
    update_entry, update_habit, user,
};

/// An unknown user has no delta.
pub async fn an_unknown_user_has_no_delta(storage: &dyn Storage) {
    for scope in [Scope::Everything, Scope::Habits, Scope::Entries] {
        for since in [
            Since::Beginning,
            Since::Position(Seq::ZERO),
            Since::Instant(Timestamp::MIN),
        ] {
            let query = DeltaQuery {
                since,
                scope,
                limit: None,
            };
            assert_eq!(storage.delta(user(1), query).await.unwrap(), None);
        }
    }
}

/// A delta contains each record once, in its newest state, in the order of the changes.
pub async fn a_record_comes_once_in_its_newest_state(storage: &dyn Storage) {
    let person = eventful(storage).await;
    let everything = person.changes(Since::Position(Seq::ZERO)).await;
    assert_eq!(names(&everything), ["e1 v1", "h2 v1", "e2 v2", "h1 v2"]);
    // Positions and times increase together, so a delta by instant and one by position agree.
    assert!(everything.is_sorted_by(|a, b| {
        a.stamp().seq < b.stamp().seq && a.stamp().updated_at < b.stamp().updated_at
    }));
    for record in &everything {
        match record {
            Record::Habit(habit) => {
                let stored = storage.habit(person.id, habit.id).await.unwrap();
                assert_eq!(stored.as_ref(), Some(habit));
            }
            Record::Entry(entry) => {
                let stored = storage.entry(person.id, entry.id).await.unwrap();
                assert_eq!(stored.as_ref(), Some(entry));
            }
        }
    }
}

/// A delta starts after its position or instant, which is excluded.
pub async fn a_delta_begins_after_the_cursor(storage: &dyn Storage) {
    let person = eventful(storage).await;
    let everything = person.changes(Since::Position(Seq::ZERO)).await;
    for (seen, last) in (1..).zip(&everything) {
        let rest = &everything[seen..];
        let stamp = last.stamp();
        for since in [
            Since::Position(stamp.seq),
            Since::Instant(stamp.updated_at),
            // An instant between two changes excludes the first.
            // A microsecond before the next change: the bound excludes equal times only.
            Since::Instant(next(rest).plus_micros(-1)),
        ] {
            assert_eq!(person.changes(since).await, rest, "{since:?}");
        }
    }
    let before = everything[0].stamp().updated_at.plus_micros(-1);
    for since in [
        Since::Beginning,
        Since::Instant(before),
        Since::Instant(Timestamp::MIN),
    ] {
        assert_eq!(person.changes(since).await, everything, "{since:?}");
    }
    for since in [
        Since::Instant(Timestamp::MAX),
        Since::Position(Seq::new(i64::MAX).unwrap()),
    ] {
        assert_eq!(person.changes(since).await, [], "{since:?}");
    }
}

fn next(rest: &[Record]) -> Timestamp {
    rest.first()
        .map_or(Timestamp::MAX, |record| record.stamp().updated_at)
}

/// A page carries the newest head, even if its records end before it.
pub async fn a_page_carries_the_head(storage: &dyn Storage) {
    let person = eventful(storage).await;
    let head: Head = person.head().await;
    for (scope, since, limit) in [
        (Scope::Everything, Since::Beginning, Some(1)),
        (Scope::Entries, Since::Position(head.seq), None),
        (Scope::Habits, Since::Instant(head.changed_at), Some(1)),
    ] {
        assert_eq!(person.page(since, scope, limit).await.head, head);
    }
}

/// A scope selects one kind of records.
pub async fn a_scope_carries_one_kind(storage: &dyn Storage) {
    let person = eventful(storage).await;
    let everything = person.changes(Since::Beginning).await;
    for (scope, entity) in [
        (Scope::Habits, Entity::Habit),
        (Scope::Entries, Entity::Entry),
    ] {
        let of_kind = |record: &&Record| record.entity() == entity;
        let expected: Vec<_> = everything.iter().filter(of_kind).cloned().collect();
        let page = person.page(Since::Beginning, scope, None).await;
        assert_eq!((page.records, page.remaining), (expected, 0));
    }
}

/// Tombstones are delivered after a position, and left out of a first pull.
pub async fn tombstones_are_left_out_of_a_first_pull(storage: &dyn Storage) {
    let person = eventful(storage).await;
    person.apply(delete_entry(entry(1), Base::Any)).await;
    person.apply(delete_habit(habit(2), Base::Any)).await;
    // The instant of registration is before the first change, so it delivers everything, tombstones
    // included.
    let registered = storage
        .account(person.id)
        .await
        .unwrap()
        .unwrap()
        .created_at;
    for since in [
        Since::Position(Seq::ZERO),
        Since::Instant(registered),
        Since::Instant(Timestamp::MIN),
    ] {
        let changes = person.changes(since).await;
        let expected = ["e2 v2", "h1 v2", "e1 v2 deleted", "h2 v2 deleted"];
        assert_eq!(names(&changes), expected, "{since:?}");
    }
    let live = person.changes(Since::Beginning).await;
    assert_eq!(names(&live), ["e2 v2", "h1 v2"]);
}

/// The tombstone of a habit covers its live entries, in every scope, but not their tombstones.
pub async fn live_entries_of_a_deleted_habit_are_left_out(storage: &dyn Storage) {
    let person = eventful(storage).await;
    person.apply(delete_entry(entry(1), Base::Any)).await;
    // An entry of the other habit, which must stay.
    let other = create_entry(entry(3), done(habit(2), "2026-01-15"));
    person.apply(other).await;
    person.apply(delete_habit(habit(1), Base::Any)).await;
    let since = Since::Position(Seq::ZERO);
    let changes = person.changes(since).await;
    assert_eq!(
        names(&changes),
        ["h2 v1", "e1 v2 deleted", "e3 v1", "h1 v3 deleted"]
    );
    let entries = person.page(since, Scope::Entries, Some(1)).await;
    assert_eq!(names(&entries.records), ["e1 v2 deleted"]);
    // `remaining` counts the same records as the page, or a client's progress would never reach 100
    // %.
    assert_eq!(entries.remaining, 1);
    let live = person.changes(Since::Beginning).await;
    assert_eq!(names(&live), ["h2 v1", "e3 v1"]);
}

/// Registers a user with two habits and two entries. The order of their newest changes is `e1 h2 e2
/// h1`.
async fn eventful(storage: &dyn Storage) -> TestUser<'_> {
    let person = TestUser::register(storage, 1).await;
    for command in [
        create_habit(habit(1), titled("Read")),
        create_entry(entry(2), done(habit(1), "2026-01-14")),
        create_entry(entry(1), done(habit(1), "2026-01-15")),
        create_habit(habit(2), titled("Run")),
        update_entry(entry(2), Base::Any, noted("late")),
        update_habit(habit(1), Base::Any, titled("Read more")),
    ] {
        person.apply(command).await;
    }
    person
}

fn names(records: &[Record]) -> Vec<String> {
    let name = |record: &Record| {
        let (kind, id) = match record {
            Record::Habit(habit) => ("h", habit.id.uuid()),
            Record::Entry(entry) => ("e", entry.id.uuid()),
        };
        let stamp = record.stamp();
        let deleted = if stamp.is_deleted() { " deleted" } else { "" };
        format!("{kind}{} v{}{deleted}", id.as_u128(), stamp.version)
    };
    records.iter().map(name).collect()
}

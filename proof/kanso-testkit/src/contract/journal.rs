//! Journals, from which statistics and streaks are computed.

use kanso_application::ports::storage::{EntryFilter, HabitQuery, Journal, JournalEntry, Storage};
use kanso_domain::HabitId;
use kanso_domain::entries::{Entry, EntryFields, EntryKind};
use kanso_domain::habits::HabitFields;
use kanso_domain::sync::Base;

use super::test_user::TestUser;
use crate::build::{
    create_entry, create_habit, delete_entry, delete_habit, done, entry, habit, noon, titled, user,
};

/// An unknown user has no journal.
pub async fn an_unknown_user_has_no_journal(storage: &dyn Storage) {
    for only in [None, Some(&[habit(1)][..])] {
        assert_eq!(storage.journal(user(9), only).await.unwrap(), None);
    }
}

/// A journal contains the live habits and their live entries, all of one state.
pub async fn a_journal_holds_all_live_records(storage: &dyn Storage) {
    let person = populated(storage).await;
    let journal = storage.journal(person.id, None).await.unwrap().unwrap();
    assert_eq!(journal.head, person.head().await);
    let account = storage.account(person.id).await.unwrap().unwrap();
    assert_eq!(journal.settings, account.settings);
    let habits = storage
        .habits(person.id, HabitQuery::all(true))
        .await
        .unwrap();
    assert_eq!(habits.len(), 4, "one of them is archived");
    assert_eq!(journal.habits, habits);
    for habit in &habits {
        check_entries(&person, &journal, habit.id).await;
    }
    let ids = habits.iter().map(|habit| habit.id);
    // A habit without entries is listed too, with an empty list.
    assert!(journal.entries.keys().copied().eq(sorted(ids.collect())));
}

/// The journal of one habit is its part of the complete journal.
pub async fn a_journal_can_be_of_one_habit(storage: &dyn Storage) {
    let person = populated(storage).await;
    for listed in storage
        .habits(person.id, HabitQuery::all(true))
        .await
        .unwrap()
    {
        let journal = storage.journal(person.id, Some(&[listed.id])).await;
        let journal = journal.unwrap().unwrap();
        assert_eq!(journal.head, person.head().await);
        check_entries(&person, &journal, listed.id).await;
        assert!(journal.entries.keys().eq([&listed.id]));
        assert_eq!(journal.habits, [listed]);
    }
    for absent in [DELETED, habit(99)] {
        let journal = storage.journal(person.id, Some(&[absent])).await;
        let journal = journal.unwrap().unwrap();
        assert_eq!(journal.habits, []);
        assert!(journal.entries.is_empty());
    }
}

/// The journal of some habits is their part of the complete journal, in its order; duplicate and
/// unknown ids are ignored.
pub async fn a_journal_can_be_of_some_habits(storage: &dyn Storage) {
    let person = populated(storage).await;
    let mut whole = storage.journal(person.id, None).await.unwrap().unwrap();
    // In no order, twice, deleted and unknown.
    let names = [habit(3), habit(1), habit(3), DELETED, habit(99), habit(2)];
    let some = storage.journal(person.id, Some(&names)).await;
    whole.habits.retain(|habit| names.contains(&habit.id));
    whole.entries.retain(|habit, _| names.contains(habit));
    assert_eq!(whole.habits.len(), 3);
    assert_eq!(some.unwrap().unwrap(), whole);
    let none = storage.journal(person.id, Some(&[])).await.unwrap();
    assert_eq!(none.unwrap().habits, []);
}

const DELETED: HabitId = habit(4);

/// Registers a user with entries of every kind in no particular order, some of them deleted, an
/// archived habit, a deleted one and one without entries; and another user with the same ids.
async fn populated(storage: &dyn Storage) -> TestUser<'_> {
    let person = TestUser::register(storage, 1).await;
    let other = TestUser::register(storage, 2).await;
    let away = HabitFields {
        archived_at: Some(Some(noon())),
        ..titled("Away")
    };
    for (number, fields) in [
        (3, titled("Read")),
        (1, away),
        (2, titled("Run")),
        (4, titled("Deleted")),
        (5, titled("Nothing")),
    ] {
        person.apply(create_habit(habit(number), fields)).await;
    }
    // The same ids for another user: a journal must not mix them.
    other.apply(create_habit(habit(3), titled("Swim"))).await;
    other
        .apply(create_entry(entry(1), done(habit(3), "2026-01-11")))
        .await;
    let zoned = EntryFields {
        timezone: Some(Some("Pacific/Auckland".parse().unwrap())),
        ..done(habit(3), "2026-01-12T20:00:00.5Z")
    };
    let skipped = EntryFields {
        kind: Some(EntryKind::Skip),
        ..done(habit(2), "2026-01-10")
    };
    for (number, fields) in [
        (9, done(habit(3), "2026-01-10")),
        (8, zoned),
        (7, done(habit(3), "2026-01-10T08:00:00Z")),
        (6, done(habit(3), "1969-12-31")),
        (5, skipped),
        (4, done(habit(1), "2026-01-03")),
        (3, done(habit(2), "2026-01-03")),
        (2, done(DELETED, "2026-01-03")),
        (1, done(habit(2), "2026-01-04")),
    ] {
        person.apply(create_entry(entry(number), fields)).await;
    }
    person.apply(delete_entry(entry(1), Base::Any)).await;
    person.apply(delete_habit(DELETED, Base::Any)).await;
    person
}

/// Checks that the journal has the entries of a habit by local date.
async fn check_entries(person: &TestUser<'_>, journal: &Journal, habit: HabitId) {
    let filter = EntryFilter {
        habit_id: Some(habit),
        ..EntryFilter::default()
    };
    let mut listed = person.entries(filter).await;
    // The id breaks ties, so that all storages return one order.
    listed.sort_by_key(|entry| (entry.details.local_date, entry.id));
    let expected: Vec<_> = listed.iter().map(without_notes).collect();
    assert_eq!(journal.entries[&habit], expected);
}

const fn without_notes(entry: &Entry) -> JournalEntry {
    JournalEntry {
        completion: entry.details.completion,
        local_date: entry.details.local_date,
        kind: entry.details.kind,
        value: entry.details.value,
    }
}

fn sorted(mut ids: Vec<HabitId>) -> Vec<HabitId> {
    ids.sort_unstable();
    ids
}

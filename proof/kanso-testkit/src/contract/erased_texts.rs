//! Erasing the texts of tombstones: when they expire, and at once.

use kanso_application::ports::storage::{Storage, WriteOutcome};
use kanso_domain::entries::EntryFields;
use kanso_domain::habits::HabitFields;
use kanso_domain::record::Stamp;
use kanso_domain::sync::{
    Action, Base, ConflictPolicy, LoadSet, Loaded, OnConflict, Operation, OperationOutcome, Since,
    Usage, erase_texts,
};
use kanso_domain::text::{Description, Notes, Title, Unit};
use kanso_domain::{Record, Timestamp};

use super::test_user::TestUser;
use crate::build::{
    create_entry, create_habit, delete_entry, delete_habit, done, entry, erase_entry, erase_habit,
    habit, noon, once, titled, update_habit,
};

fn later(days: i64) -> Timestamp {
    noon().plus_seconds(days * 86_400)
}

fn noted(of: u128, notes: &str) -> EntryFields {
    EntryFields {
        notes: Notes::new(notes).ok(),
        ..done(habit(of), "2026-01-05")
    }
}

/// Returns a user with habit 1, whose entries 1 to 4 have notes, and habit 2 with entry 5.
async fn with_notes(storage: &dyn Storage) -> TestUser<'_> {
    let person = TestUser::register(storage, 1).await;
    let described = HabitFields {
        description: Description::new("A secret").ok(),
        unit: Unit::new("pills").ok(),
        ..titled("Medicine")
    };
    for action in [
        create_habit(habit(1), described),
        create_habit(habit(2), titled("Read")),
        create_entry(entry(1), noted(1, "one")),
        create_entry(entry(2), noted(1, "two")),
        create_entry(entry(3), noted(1, "three")),
        create_entry(entry(4), noted(1, "four")),
        create_entry(entry(5), noted(2, "five")),
    ] {
        person.apply(action).await;
    }
    person
}

async fn all(person: &TestUser<'_>) -> Loaded {
    let keys = LoadSet {
        habits: (1..=2).map(habit).collect(),
        entries: (1..=5).map(entry).collect(),
        ..LoadSet::default()
    };
    person.sees(keys).await
}

fn notes(of: &Loaded) -> Vec<&str> {
    let entries = of.entries.values();
    entries.map(|entry| entry.details.notes.as_str()).collect()
}

/// Runs one step as the housekeeping does. Returns the number of erased records.
async fn step(person: &TestUser<'_>, before: Timestamp, limit: u32) -> usize {
    let mut erased = 0;
    for found in person.storage.texts_to_erase(before, limit).await.unwrap() {
        let keys = LoadSet {
            habits: found.habits.clone(),
            entries: found.entries,
            ..LoadSet::default()
        };
        let user = TestUser {
            id: found.user,
            ..*person
        };
        let work = move |loaded| erase_texts(loaded, &found.habits, before, later(40));
        if let WriteOutcome::Committed(changeset) = user.write(keys, work).await.unwrap() {
            erased += changeset.habits.len() + changeset.entries.len();
        }
    }
    erased
}

async fn assert_counted(person: &TestUser<'_>) {
    let stored = all(person).await;
    let habits = stored.habits.values().map(Usage::of_habit);
    let entries = stored.entries.values().map(Usage::of_entry);
    let recounted = habits
        .chain(entries)
        .fold(Usage::NONE, |sum, one| sum + one);
    let usage = person.storage.usage(person.id).await.unwrap().unwrap();
    assert_eq!(usage.usage, recounted);
}

/// The texts of old tombstones are erased in steps, those of a habit after the notes of its entries.
/// Nothing counts as edited, and the devices get the tombstones again.
pub async fn old_tombstones_lose_their_texts_in_steps(storage: &dyn Storage) {
    let person = with_notes(storage).await;
    person.apply(delete_entry(entry(1), Base::Any)).await;
    person.apply(delete_habit(habit(1), Base::Any)).await;
    let (before, head) = (all(&person).await, person.head().await);
    assert_eq!(step(&person, noon(), 100).await, 0, "too young");
    assert_eq!(step(&person, later(30), 2).await, 2);
    let half = all(&person).await;
    assert_eq!(half.habits[&habit(1)], before.habits[&habit(1)]);
    assert_counted(&person).await;
    assert_eq!(step(&person, later(30), 2).await, 2);
    assert_eq!(step(&person, later(30), 2).await, 1);
    assert_eq!(step(&person, later(30), 2).await, 0);

    let after = all(&person).await;
    assert_eq!(notes(&after), ["", "", "", "", "five"]);
    let mut expected = before.habits[&habit(1)].clone();
    expected.details = expected.details.without_texts();
    let erased = &after.habits[&habit(1)];
    assert_eq!(erased.details, expected.details);
    assert_eq!(erased.details.title, Title::erased());
    let kept = |stamp: &Stamp| (stamp.version, stamp.created_at, stamp.deleted_at);
    assert_eq!(kept(&erased.stamp), kept(&expected.stamp));
    assert_eq!(erased.provenance, expected.provenance);
    assert_eq!(after.habits[&habit(2)], before.habits[&habit(2)]);
    let new_head = person.head().await;
    assert_eq!(new_head.digest, head.digest);
    assert!(new_head.seq > head.seq && new_head.changed_at > head.changed_at);
    let changed = person.changes(Since::Position(head.seq)).await;
    let deleted = |record: &Record| record.stamp().is_deleted();
    assert_eq!(changed.len(), 2, "the habit and the entry deleted before");
    assert!(changed.iter().all(deleted));
    assert_counted(&person).await;
}

/// A record that was revived since it was found keeps its texts.
pub async fn a_revived_record_keeps_its_texts(storage: &dyn Storage) {
    let person = with_notes(storage).await;
    person.apply(delete_habit(habit(1), Base::Any)).await;
    let found = storage.texts_to_erase(later(1), 100).await.unwrap();
    assert_eq!(found.len(), 1);
    assert!(matches!(
        revive(&person, titled("Vitamins")).await,
        OperationOutcome::Applied(_)
    ));
    let before = all(&person).await;
    let keys = LoadSet {
        habits: found[0].habits.clone(),
        entries: found[0].entries.clone(),
        ..LoadSet::default()
    };
    let habits = found[0].habits.clone();
    let work = move |loaded| erase_texts(loaded, &habits, later(1), later(2));
    person.write(keys, work).await.unwrap();
    assert_eq!(all(&person).await, before);
}

async fn revive(person: &TestUser<'_>, fields: HabitFields) -> OperationOutcome {
    let operation = Operation {
        policy: ConflictPolicy {
            on_conflict: OnConflict::Merge,
            revive: true,
        },
        ..once(update_habit(habit(1), Base::Any, fields))
    };
    let mut changeset = person.submit(vec![operation]).await;
    changeset.outcomes.pop().unwrap()
}

/// A deletion can erase the texts at once: of a live record, of a tombstone, and of the entries of a
/// habit.
pub async fn a_deletion_can_erase_the_texts(storage: &dyn Storage) {
    let person = with_notes(storage).await;
    person.apply(delete_entry(entry(1), Base::Any)).await;
    person.apply(erase_entry(entry(1))).await;
    person.apply(erase_entry(entry(2))).await;
    assert_eq!(
        notes(&all(&person).await),
        ["", "", "three", "four", "five"]
    );
    assert_counted(&person).await;
    let again = person.attempt(erase_entry(entry(2))).await;
    assert!(matches!(again, OperationOutcome::Noop(_)), "{again:?}");

    person.apply(delete_habit(habit(1), Base::Any)).await;
    let of_gone = person.apply(erase_entry(entry(3))).await;
    assert!(
        !of_gone.stamp().is_deleted(),
        "it comes back with its habit"
    );
    person.apply(erase_habit(habit(1))).await;
    let erased = all(&person).await;
    assert_eq!(notes(&erased), ["", "", "", "", "five"]);
    assert!(!erased.habits[&habit(1)].details.has_texts());
    assert_eq!(storage.texts_to_erase(later(1), 100).await.unwrap(), []);
    assert_counted(&person).await;
}

/// A habit without texts needs a title to be revived. Its entries come back with it, without notes.
pub async fn an_erased_habit_is_revived_with_a_title(storage: &dyn Storage) {
    let person = with_notes(storage).await;
    person.apply(erase_habit(habit(1))).await;
    let untitled = revive(&person, HabitFields::default()).await;
    assert!(
        matches!(&untitled, OperationOutcome::Rejected(rejection) if rejection.errors[0].field == "title"),
        "{untitled:?}"
    );
    let revived = revive(&person, titled("Medicine")).await;
    assert!(
        matches!(revived, OperationOutcome::Applied(_)),
        "{revived:?}"
    );
    let stored = all(&person).await;
    let details = &stored.habits[&habit(1)].details;
    assert_eq!(
        (details.title.as_str(), details.unit.as_str()),
        ("Medicine", "")
    );
    assert_eq!(notes(&stored), ["", "", "", "", "five"]);
    let live = person.changes(Since::Beginning).await;
    assert_eq!(live.len(), 7);
    let action: Action = create_habit(habit(1), titled("Medicine"));
    let created = person.attempt(action).await;
    assert!(matches!(created, OperationOutcome::Noop(_)), "{created:?}");
    assert_counted(&person).await;
}

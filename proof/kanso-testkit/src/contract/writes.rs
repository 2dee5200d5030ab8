//! Writes: load, decide, save.

use std::sync::Arc;

use kanso_application::ports::storage::{Storage, StorageError, WriteOutcome};
use kanso_domain::entries::Entry;
use kanso_domain::habits::Habit;
use kanso_domain::record::Stamp;
use kanso_domain::sync::{
    Base, CursorRefusal, Head, LoadSet, Loaded, OperationOutcome, RecordWrite, Since, decide,
};
use kanso_domain::{Record, Seq, Timestamp, Version};

use super::person::{Person, unchanged};
use crate::build::{
    create_entry, create_habit, delete_entry, delete_habit, done, entry, habit, noon, noted, on,
    once, op, titled, update_entry, update_habit, user, version,
};

/// A write for nobody decides nothing.
pub async fn a_write_for_an_unknown_user_is_not_decided(storage: &dyn Storage) {
    let stranger = Person {
        storage,
        id: user(9),
    };
    let written = stranger.write(LoadSet::default(), |_| panic!("nothing to decide on"));
    assert_eq!(written.await.unwrap(), WriteOutcome::NoSuchUser);
    assert_eq!(storage.head(stranger.id).await.unwrap(), None);
}

/// A refusal is handed back, and nothing is stored.
pub async fn a_refused_write_changes_nothing(storage: &dyn Storage) {
    let person = Person::register(storage, 1).await;
    person.apply(create_habit(habit(1), titled("Read"))).await;
    let head = person.head().await;
    for refusal in [CursorRefusal::EpochChanged, CursorRefusal::Ahead] {
        let decide = Arc::new(move |_: Loaded| Err(refusal));
        let written = storage.write(person.id, LoadSet::default(), decide).await;
        assert_eq!(written.unwrap(), WriteOutcome::Refused(refusal));
    }
    assert_eq!(person.head().await, head);
}

/// A decision to change nothing is a commit of nothing.
pub async fn an_empty_write_changes_nothing(storage: &dyn Storage) {
    let person = Person::register(storage, 1).await;
    person.apply(create_habit(habit(1), titled("Read"))).await;
    let head = person.head().await;
    let written = person.write(LoadSet::default(), |current| unchanged(current.head));
    assert_eq!(
        written.await.unwrap(),
        WriteOutcome::Committed(unchanged(head))
    );
    assert_eq!(person.head().await, head);
}

/// A write sees the keys that exist, tombstones too, and nothing else.
pub async fn a_write_sees_what_it_names(storage: &dyn Storage) {
    let person = Person::register(storage, 1).await;
    for action in [
        create_habit(habit(1), titled("Read")),
        create_habit(habit(2), titled("Run")),
        delete_habit(habit(2), Base::Any),
        create_entry(entry(1), done(habit(1), "2026-01-15")),
        create_entry(entry(2), done(habit(1), "2026-01-15")),
        delete_entry(entry(2), Base::Any),
        create_entry(entry(3), done(habit(1), "2026-01-15")),
    ] {
        person.apply(action).await;
    }
    let keys = LoadSet {
        habits: [habit(1), habit(2), habit(7)].into(),
        entries: [entry(1), entry(2), entry(7)].into(),
        receipts: [op(7)].into(),
        ..LoadSet::default()
    };
    let current = person.sees(keys).await;
    assert_eq!(current.head, person.head().await);
    assert!(current.habits.keys().eq(&[habit(1), habit(2)]));
    assert!(current.entries.keys().eq(&[entry(1), entry(2)]));
    assert!(current.habits[&habit(2)].stamp.is_deleted());
    assert!(current.entries[&entry(2)].stamp.is_deleted());
    assert!(current.receipts.is_empty());
}

/// To load an entry is to load its habit, be it a tombstone.
pub async fn a_write_sees_the_habit_of_an_entry(storage: &dyn Storage) {
    let person = Person::register(storage, 1).await;
    for action in [
        create_habit(habit(1), titled("Read")),
        create_entry(entry(1), done(habit(1), "2026-01-15")),
        delete_habit(habit(1), Base::Any),
    ] {
        person.apply(action).await;
    }
    let keys = LoadSet {
        entries: [entry(1)].into(),
        ..LoadSet::default()
    };
    let current = person.sees(keys).await;
    assert!(current.habits[&habit(1)].stamp.is_deleted());
    assert!(!current.entries[&entry(1)].stamp.is_deleted());
}

/// Positions and times of one user strictly increase, though the clock stands still or goes back.
pub async fn positions_and_times_strictly_increase(storage: &dyn Storage) {
    let person = Person::register(storage, 1).await;
    let mut stamps: Vec<Stamp> = Vec::new();
    for (back, action) in (0..).zip([
        create_habit(habit(1), titled("Read")),
        update_habit(habit(1), on(1), titled("Read more")),
        create_entry(entry(1), done(habit(1), "2026-01-15")),
        update_entry(entry(1), on(1), noted("late")),
        delete_entry(entry(1), on(2)),
        delete_habit(habit(1), on(2)),
    ]) {
        let now = noon().plus_seconds(-3_600 * back);
        let mut changeset = person.submit_at(now, vec![once(action)]).await;
        let Some(OperationOutcome::Applied(record)) = changeset.outcomes.pop() else {
            panic!("expected to be applied");
        };
        let head = person.head().await;
        assert_eq!(head, changeset.head);
        assert_eq!((head.seq, head.changed_at), place(record.stamp()));
        stamps.push(*record.stamp());
    }
    assert!(stamps.is_sorted_by(|a, b| a.seq < b.seq && a.updated_at < b.updated_at));
    assert_eq!(stamps[0].seq, Seq::ZERO.next());
}

/// A new record where one is stored is a broken promise, and so is any version but the stored one.
pub async fn a_save_replaces_exactly_the_version_that_it_names(storage: &dyn Storage) {
    let person = Person::register(storage, 1).await;
    for action in [
        create_habit(habit(1), titled("Read")),
        update_habit(habit(1), on(1), titled("Read more")),
        create_entry(entry(1), done(habit(1), "2026-01-15")),
        update_entry(entry(1), on(1), noted("late")),
    ] {
        person.apply(action).await;
    }
    for replaces in [None, Some(1), Some(3)] {
        let replaces = replaces.map(version);
        refused(&person, move |stored| stored.habit(1, replaces)).await;
        refused(&person, move |stored| stored.entry(1, replaces)).await;
    }
}

/// A version of a record that was never stored cannot be replaced.
pub async fn a_save_cannot_replace_what_is_not_there(storage: &dyn Storage) {
    let person = Person::register(storage, 1).await;
    for action in [
        create_habit(habit(1), titled("Read")),
        create_entry(entry(1), done(habit(1), "2026-01-15")),
    ] {
        person.apply(action).await;
    }
    let replaces = Some(version(1));
    refused(&person, move |stored| stored.habit(2, replaces)).await;
    refused(&person, move |stored| stored.entry(2, replaces)).await;
}

/// Saves that are made of the stored records 1.
struct Stored {
    habit: Habit,
    entry: Entry,
    next: Head,
}

enum Saved {
    Habit(RecordWrite<Habit>),
    Entry(RecordWrite<Entry>),
}

impl Stored {
    fn habit(&self, number: u128, replaces: Option<Version>) -> Saved {
        let stamp = self.habit.stamp.edited(self.next.seq, self.next.changed_at);
        let record = Habit {
            id: habit(number),
            stamp,
            ..self.habit.clone()
        };
        Saved::Habit(RecordWrite { record, replaces })
    }

    fn entry(&self, number: u128, replaces: Option<Version>) -> Saved {
        let stamp = self.entry.stamp.edited(self.next.seq, self.next.changed_at);
        let record = Entry {
            id: entry(number),
            stamp,
            ..self.entry.clone()
        };
        Saved::Entry(RecordWrite { record, replaces })
    }
}

/// A write that ends with a save that cannot be made fails as a whole, though it begins with a
/// change that is sound.
async fn refused(person: &Person<'_>, unsound: impl Fn(Stored) -> Saved + Send + Sync + 'static) {
    let before = person.changes(Since::Position(Seq::ZERO)).await;
    let head = person.head().await;
    let keys = LoadSet {
        habits: [habit(1)].into(),
        entries: [entry(1)].into(),
        ..LoadSet::default()
    };
    let work = move |current: Loaded| {
        let sound = once(create_habit(habit(99), titled("Sound")));
        let mut changeset = decide(current.clone(), &[sound], noon());
        changeset.head = changeset.head.advanced(noon());
        let saved = unsound(Stored {
            habit: current.habits[&habit(1)].clone(),
            entry: current.entries[&entry(1)].clone(),
            next: changeset.head,
        });
        match saved {
            Saved::Habit(save) => changeset.habits.push(save),
            Saved::Entry(save) => changeset.entries.push(save),
        }
        changeset
    };
    let written = person.write(keys, work).await;
    assert!(
        matches!(written, Err(StorageError::Corrupt(_))),
        "expected a broken contract, got {written:?}"
    );
    assert_eq!(person.changes(Since::Position(Seq::ZERO)).await, before);
    assert_eq!(person.head().await, head);
}

/// What one user writes, no other sees, even under the same ids.
pub async fn users_do_not_see_each_other(storage: &dyn Storage) {
    let ada = Person::register(storage, 1).await;
    let bob = Person::register(storage, 2).await;
    let reading = ada.apply(create_habit(habit(1), titled("Read"))).await;
    assert_eq!(storage.habit(bob.id, habit(1)).await.unwrap(), None);
    assert_eq!(bob.changes(Since::Position(Seq::ZERO)).await, []);
    assert_eq!(bob.head().await.seq, Seq::ZERO);
    let rejected = bob.attempt(delete_habit(habit(1), Base::Any)).await;
    assert!(matches!(rejected, OperationOutcome::Rejected(_)));
    let running = bob.apply(create_habit(habit(1), titled("Run"))).await;
    let counted = create_entry(entry(1), done(habit(1), "2026-01-15"));
    let counted = bob.apply(counted).await;
    assert_eq!(ada.changes(Since::Beginning).await, [reading]);
    assert_eq!(bob.changes(Since::Beginning).await, [running, counted]);
    assert_eq!(storage.entry(ada.id, entry(1)).await.unwrap(), None);
}

/// The operations of a write commit together, with one effect each.
pub async fn a_batch_commits_as_a_whole(storage: &dyn Storage) {
    let person = Person::register(storage, 1).await;
    let operations = vec![
        once(create_habit(habit(1), titled("Read"))),
        once(create_entry(entry(1), done(habit(1), "2026-01-15"))),
        once(update_entry(entry(1), on(1), noted("late"))),
        once(create_entry(entry(2), done(habit(7), "2026-01-15"))),
        once(update_habit(habit(1), on(1), titled("Read more"))),
    ];
    let changeset = person.submit(operations).await;
    let stored: Vec<Record> = changeset
        .entries
        .iter()
        .map(|save| Record::Entry(save.record.clone()))
        .chain([Record::Habit(changeset.habits[0].record.clone())])
        .collect();
    assert_eq!(person.changes(Since::Beginning).await, stored);
    assert_eq!(person.head().await, changeset.head);
    assert!(matches!(
        changeset.outcomes[3],
        OperationOutcome::Deferred(_)
    ));
}

const fn place(stamp: &Stamp) -> (Seq, Timestamp) {
    (stamp.seq, stamp.updated_at)
}

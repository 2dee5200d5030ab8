//! Writes: load, decide, store.

use std::sync::Arc;

use kanso_application::ports::storage::{Storage, StorageError, WriteOutcome};
use kanso_domain::entries::Entry;
use kanso_domain::habits::Habit;
use kanso_domain::record::Stamp;
use kanso_domain::sync::{
    Base, CursorRefusal, Head, LoadSet, Loaded, OperationOutcome, RecordWrite, Since, decide,
};
use kanso_domain::{Record, Seq, Timestamp, Version};

use super::test_user::{TestUser, unchanged};
use crate::build::{
    create_entry, create_habit, delete_entry, delete_habit, done, entry, habit, noon, noted, on,
    once, op, titled, update_entry, update_habit, user, version,
};

/// A write for an unknown user makes no decision.
pub async fn a_write_for_an_unknown_user_is_not_decided(storage: &dyn Storage) {
    let stranger = TestUser {
        storage,
        id: user(9),
    };
    let written = stranger.write(LoadSet::default(), |_| panic!("nothing to decide on"));
    assert_eq!(written.await.unwrap(), WriteOutcome::NoSuchUser);
    assert_eq!(storage.head(stranger.id).await.unwrap(), None);
}

/// A refusal is returned, and nothing is stored.
pub async fn a_refused_write_changes_nothing(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
    person.apply(create_habit(habit(1), titled("Read"))).await;
    let head = person.head().await;
    for refusal in [CursorRefusal::EpochChanged, CursorRefusal::Ahead] {
        let decide = Arc::new(move |_: Loaded| Err(refusal));
        let written = storage.write(person.id, LoadSet::default(), decide).await;
        assert_eq!(written.unwrap(), WriteOutcome::Refused(refusal));
    }
    assert_eq!(person.head().await, head);
}

/// A decision without changes is a commit without changes.
pub async fn an_empty_write_changes_nothing(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
    person.apply(create_habit(habit(1), titled("Read"))).await;
    let before = person.sees(LoadSet::default()).await;
    let written = person.write(LoadSet::default(), |current| unchanged(&current));
    let expected = WriteOutcome::Committed(unchanged(&before));
    assert_eq!(written.await.unwrap(), expected);
    assert_eq!(person.sees(LoadSet::default()).await, before);
}

/// A write loads the existing records that it names, with tombstones, and no others.
pub async fn a_write_loads_the_records_it_names(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
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
    // Receipt 7 was named and does not exist.
    assert!(current.receipts.is_empty());
}

/// A write loads the day of the first live entry of a habit on request.
pub async fn a_write_loads_the_first_days_that_it_names(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
    let stranger = TestUser::register(storage, 2).await;
    stranger.apply(create_habit(habit(9), titled("Run"))).await;
    for action in [
        create_habit(habit(1), titled("Read")),
        create_habit(habit(2), titled("Run")),
        create_habit(habit(3), titled("Swim")),
        create_entry(entry(1), done(habit(1), "2026-01-15")),
        create_entry(entry(2), done(habit(1), "2025-01-15")),
        create_entry(entry(3), done(habit(1), "2024-01-15")),
        delete_entry(entry(3), Base::Any),
        create_entry(entry(4), done(habit(3), "2023-01-15")),
    ] {
        person.apply(action).await;
    }
    let keys = LoadSet {
        first_entry_of: [habit(1), habit(2), habit(9)].into(),
        ..LoadSet::default()
    };
    let current = person.sees(keys).await;
    let first = kanso_domain::Date::constant(2025, 1, 15);
    assert_eq!(current.first_entries, [(habit(1), first)].into());
    let current = person.sees(LoadSet::default()).await;
    assert_eq!(current.first_entries, [].into());
}

/// A write loads the number of live habits on request. Deleted habits and those of others do not count.
pub async fn a_write_counts_the_live_habits_on_request(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
    let stranger = TestUser::register(storage, 2).await;
    stranger.apply(create_habit(habit(9), titled("Run"))).await;
    let counts = || LoadSet {
        counts_habits: true,
        ..LoadSet::default()
    };
    assert_eq!(person.sees(counts()).await.live_habits, 0);
    for action in [
        create_habit(habit(1), titled("Read")),
        create_habit(habit(2), titled("Run")),
        create_habit(habit(3), titled("Swim")),
        delete_habit(habit(2), Base::Any),
    ] {
        person.apply(action).await;
    }
    assert_eq!(person.sees(counts()).await.live_habits, 2);
    assert_eq!(person.sees(LoadSet::default()).await.live_habits, 0);
}

/// Loading an entry also loads its habit, even if that is a tombstone.
pub async fn a_write_sees_the_habit_of_an_entry(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
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

/// Positions and times of a user strictly increase, even if the clock stands still or goes back.
pub async fn positions_and_times_strictly_increase(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
    let mut stamps: Vec<Stamp> = Vec::new();
    for (back, action) in (0..).zip([
        create_habit(habit(1), titled("Read")),
        update_habit(habit(1), on(1), titled("Read more")),
        create_entry(entry(1), done(habit(1), "2026-01-15")),
        update_entry(entry(1), on(1), noted("late")),
        delete_entry(entry(1), on(2)),
        delete_habit(habit(1), on(2)),
    ]) {
        // The clock goes back an hour with each write.
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

/// A record is stored only if it replaces exactly the stored version; any other is an error.
pub async fn a_save_replaces_exactly_the_version_that_it_names(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
    for action in [
        create_habit(habit(1), titled("Read")),
        update_habit(habit(1), on(1), titled("Read more")),
        create_entry(entry(1), done(habit(1), "2026-01-15")),
        update_entry(entry(1), on(1), noted("late")),
    ] {
        person.apply(action).await;
    }
    // None is an insert, 1 is outdated, 3 does not exist yet; 2 is stored.
    for replaces in [None, Some(1), Some(3)] {
        let replaces = replaces.map(version);
        refused(&person, move |stored| stored.habit(1, replaces)).await;
        refused(&person, move |stored| stored.entry(1, replaces)).await;
    }
}

/// A missing record cannot be replaced.
pub async fn a_save_cannot_replace_a_missing_record(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
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

/// The stored records with number 1, from which invalid writes are derived.
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

/// Checks that a write with one invalid record fails completely, although its first record is
/// valid.
async fn refused(person: &TestUser<'_>, unsound: impl Fn(Stored) -> Saved + Send + Sync + 'static) {
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
        // The sound record has the position before, so that only the unsound record can be the
        // reason.
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
        "expected a contract violation, got {written:?}"
    );
    assert_eq!(person.changes(Since::Position(Seq::ZERO)).await, before);
    assert_eq!(person.head().await, head);
}

/// Records of one user are invisible to others, even under the same ids.
pub async fn users_do_not_see_each_other(storage: &dyn Storage) {
    let ada = TestUser::register(storage, 1).await;
    let bob = TestUser::register(storage, 2).await;
    let reading = ada.apply(create_habit(habit(1), titled("Read"))).await;
    assert_eq!(storage.habit(bob.id, habit(1)).await.unwrap(), None);
    assert_eq!(bob.changes(Since::Position(Seq::ZERO)).await, []);
    assert_eq!(bob.head().await.seq, Seq::ZERO);
    // For Bob the habit does not exist.
    let rejected = bob.attempt(delete_habit(habit(1), Base::Any)).await;
    assert!(matches!(rejected, OperationOutcome::Rejected(_)));
    let running = bob.apply(create_habit(habit(1), titled("Run"))).await;
    let counted = create_entry(entry(1), done(habit(1), "2026-01-15"));
    let counted = bob.apply(counted).await;
    assert_eq!(ada.changes(Since::Beginning).await, [reading]);
    assert_eq!(bob.changes(Since::Beginning).await, [running, counted]);
    assert_eq!(storage.entry(ada.id, entry(1)).await.unwrap(), None);
}

/// The operations of a write commit together, each with one effect.
pub async fn a_batch_commits_as_a_whole(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
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

//! Quotas: what an account stores, and its own bounds.

use kanso_application::ports::quota::AccountUsage;
use kanso_application::ports::storage::Storage;
use kanso_domain::Timestamp;
use kanso_domain::entries::EntryFields;
use kanso_domain::habits::HabitFields;
use kanso_domain::sync::{Action, Base, LoadSet, OperationOutcome, OwnQuota, Usage};
use kanso_domain::text::Notes;

use super::test_user::TestUser;
use crate::build::{
    create_entry, create_habit, delete_entry, delete_habit, done, entry, habit, noon, op,
    operation, titled, update_habit, user,
};

fn later(days: i64) -> Timestamp {
    noon().plus_seconds(days * 86_400)
}

async fn stored(person: &TestUser<'_>) -> AccountUsage {
    let usage = person.storage.usage(person.id).await.unwrap();
    usage.unwrap()
}

/// Counts the records and receipts of the cases below one by one.
async fn recounted(person: &TestUser<'_>) -> Usage {
    let keys = LoadSet {
        habits: (1..=9).map(habit).collect(),
        entries: (1..=9).map(entry).collect(),
        receipts: (1..=20).map(op).collect(),
        ..LoadSet::default()
    };
    let all = person.sees(keys).await;
    let habits = all.habits.values().map(Usage::of_habit);
    let entries = all.entries.values().map(Usage::of_entry);
    let receipts = all.receipts.values().map(Usage::of_receipt);
    let all = habits.chain(entries).chain(receipts);
    all.fold(Usage::NONE, |sum, one| sum + one)
}

fn with_notes(day: &str, notes: &str) -> EntryFields {
    EntryFields {
        notes: Notes::new(notes).ok(),
        ..done(habit(1), day)
    }
}

fn edits() -> Vec<Action> {
    vec![
        create_habit(habit(1), titled("Read")),
        create_habit(habit(2), titled("Laufen, jeden Tag \u{1f3c3}")),
        create_entry(entry(1), with_notes("2026-01-05", "ten pages")),
        create_entry(entry(2), with_notes("2026-01-06", "f\u{fc}nf")),
        create_entry(entry(3), done(habit(2), "2026-01-06")),
        update_habit(habit(1), Base::Any, titled("Read a long book")),
        // Rejected, with a receipt.
        create_habit(habit(3), HabitFields::default()),
        delete_entry(entry(2), Base::Any),
        delete_habit(habit(2), Base::Any),
        delete_entry(entry(9), Base::Any),
    ]
}

/// The usage is that of all stored rows after each write, also of one that adds only a receipt.
pub async fn usage_follows_each_write(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
    assert_eq!(stored(&person).await.usage, Usage::NONE);
    for (number, action) in (1..).zip(edits()) {
        let changeset = person.submit(vec![operation(number, action)]).await;
        let usage = stored(&person).await.usage;
        assert_eq!(usage, changeset.usage, "{number}");
        assert_eq!(usage, recounted(&person).await, "{number}");
    }
    let usage = stored(&person).await;
    assert_eq!((usage.live_habits, usage.usage.records), (1, 5));
    assert_eq!(usage.own_quota, OwnQuota::NONE);
    assert!(storage.usage(user(2)).await.unwrap().is_none());
}

/// A purge gives back the room of what it removed: of receipts, of tombstones, and of the entries that go
/// with their habit.
pub async fn purge_gives_room_back(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
    for (number, action) in (1..).zip(edits()) {
        person.submit(vec![operation(number, action)]).await;
    }
    let other = TestUser::register(storage, 2).await;
    other
        .submit(vec![operation(1, create_habit(habit(1), titled("Swim")))])
        .await;
    let before = stored(&person).await.usage;
    while storage.purge_receipts(later(1), 3).await.unwrap() > 0 {}
    let without_receipts = stored(&person).await.usage;
    assert!(without_receipts.bytes < before.bytes);
    assert_eq!(without_receipts, recounted(&person).await);
    assert_eq!(stored(&other).await.usage, recounted(&other).await);

    while storage.purge_tombstones(later(30), 10).await.unwrap() > 0 {}
    let usage = stored(&person).await.usage;
    assert_eq!(usage.records, 2);
    assert_eq!(usage, recounted(&person).await);
}

/// The bounds of one account are there for its next write, and no other account has them.
pub async fn own_quota_is_that_of_one_account(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
    let other = TestUser::register(storage, 2).await;
    let own = OwnQuota {
        live_habits: Some(1),
        records: None,
        bytes: Some(5_000_000_000),
    };
    assert!(storage.set_own_quota(person.id, own).await.unwrap());
    assert_eq!(stored(&person).await.own_quota, own);
    assert_eq!(stored(&other).await.own_quota, OwnQuota::NONE);
    person.apply(create_habit(habit(1), titled("Read"))).await;
    let refused = person.attempt(create_habit(habit(2), titled("Run"))).await;
    assert!(
        matches!(refused, OperationOutcome::OverQuota(_)),
        "{refused:?}"
    );

    assert!(
        storage
            .set_own_quota(person.id, OwnQuota::NONE)
            .await
            .unwrap()
    );
    person.apply(create_habit(habit(2), titled("Run"))).await;
    assert!(!storage.set_own_quota(user(3), own).await.unwrap());
    assert!(storage.delete_account(person.id).await.unwrap());
    assert!(!storage.set_own_quota(person.id, own).await.unwrap());
    assert!(storage.usage(person.id).await.unwrap().is_none());
}

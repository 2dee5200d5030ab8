//! Paging: a delta in pieces.

use kanso_application::ports::storage::{Scope, Storage};
use kanso_domain::sync::{Base, ConflictPolicy, OnConflict, Operation, Since};
use kanso_domain::{Record, Seq};

use super::test_user::TestUser;
use crate::build::{
    create_entry, create_habit, delete_entry, delete_habit, done, entry, habit, once, titled,
    update_habit,
};

/// Pages of any size add up to the delta: each record once, and `remaining` exact.
pub async fn pages_are_the_delta_cut_into_pieces(storage: &dyn Storage) {
    let person = busy(storage).await;
    for scope in [Scope::Everything, Scope::Habits, Scope::Entries] {
        for since in [Since::Beginning, Since::Position(Seq::ZERO)] {
            let whole = person.page(since, scope, None).await.records;
            for limit in [1, 2, 3, 7, 1_000] {
                let read = pages(&person, since, scope, limit).await;
                assert_eq!(read, whole, "{scope:?} {since:?} {limit}");
            }
        }
    }
}

/// Reads all pages and checks the rest that each reports.
async fn pages(person: &TestUser<'_>, since: Since, scope: Scope, limit: u32) -> Vec<Record> {
    let mut read = Vec::new();
    let mut since = since;
    loop {
        let page = person.page(since, scope, Some(limit)).await;
        let cursor = page.cursor();
        assert!(page.records.len() <= limit.try_into().unwrap());
        assert!(
            !page.has_more() || page.records.len() == usize::try_from(limit).unwrap(),
            "a page that is not the last is full"
        );
        let whole = person.page(since, scope, None).await.records.len();
        // Exact only because no client writes in between; otherwise it is an estimate.
        assert_eq!(page.remaining, (whole - page.records.len()) as u64);
        let has_more = page.has_more();
        read.extend(page.records);
        if !has_more {
            // The last page carries the cursor of the head, which may be past its last record.
            assert_eq!(cursor, person.head().await.cursor());
            return read;
        }
        since = cursor.unchecked();
    }
}

/// A page of one record is the oldest change, so a limit of one always makes progress.
pub async fn a_page_of_one_is_the_oldest_change(storage: &dyn Storage) {
    let person = busy(storage).await;
    let whole = person.changes(Since::Position(Seq::ZERO)).await;
    let mut after = Seq::ZERO;
    for record in whole {
        let page = person
            .page(Since::Position(after), Scope::Everything, Some(1))
            .await;
        after = record.stamp().seq;
        assert_eq!(page.records, [record]);
    }
    assert_eq!(after, person.head().await.seq);
}

/// The tombstone of an entry is delivered although its habit is deleted, because the habit may be
/// revived before the reader reaches its tombstone.
pub async fn an_entrys_tombstone_is_delivered_while_its_habit_is_deleted(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
    for action in [
        create_habit(habit(1), titled("Read")),
        create_habit(habit(2), titled("Run")),
        create_entry(entry(1), done(habit(1), "2026-01-15")),
    ] {
        person.apply(action).await;
    }
    let seen = person.head().await.seq;
    for action in [
        delete_entry(entry(1), Base::Any),
        update_habit(habit(2), Base::Any, titled("Run far")),
        delete_habit(habit(1), Base::Any),
    ] {
        person.apply(action).await;
    }
    // Page one ends before the tombstone of the habit; the habit is revived before page two.
    let first = person
        .page(Since::Position(seen), Scope::Everything, Some(1))
        .await;
    let revive = Operation {
        policy: ConflictPolicy {
            on_conflict: OnConflict::Merge,
            revive: true,
        },
        ..once(update_habit(habit(1), Base::Any, titled("Read again")))
    };
    person.submit(vec![revive]).await;
    let rest = person.changes(first.cursor().unchecked()).await;
    let mut delivered = first.records.iter().chain(&rest);
    assert!(
        delivered.any(|record| record.id() == entry(1).uuid() && record.stamp().is_deleted()),
        "{first:?} {rest:?}"
    );
}

/// Registers a user with habits and entries, some of both deleted.
async fn busy(storage: &dyn Storage) -> TestUser<'_> {
    let person = TestUser::register(storage, 1).await;
    let mut operations = Vec::new();
    for number in 1..=6 {
        let title = format!("Habit {number}");
        operations.push(once(create_habit(habit(number), titled(&title))));
        for nth in 1..=number {
            let fields = done(habit(number), "2026-01-15");
            operations.push(once(create_entry(entry(10 * number + nth), fields)));
        }
    }
    for number in [21, 43, 66] {
        operations.push(once(delete_entry(entry(number), Base::Any)));
    }
    // Two habits with live entries are deleted, so their entries are left out of the pages.
    for number in [3, 5] {
        operations.push(once(delete_habit(habit(number), Base::Any)));
    }
    let last = create_entry(entry(99), done(habit(6), "2026-01-15"));
    operations.push(once(last));
    person.submit(operations).await;
    person
}

//! Races: concurrent calls.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use futures::future::{join, join_all};
use kanso_application::ports::storage::{Scope, Storage};
use kanso_domain::sync::{Action, Base, OperationOutcome, Page, Since};
use kanso_domain::{Entity, Record, Seq};
use uuid::Uuid;

use super::test_user::TestUser;
use crate::build::{
    create_entry, create_habit, delete_entry, delete_habit, done, entry, habit, noted, on, titled,
    update_entry, update_habit,
};

const WRITERS: u128 = 6;
const OPERATIONS: u128 = 100;

/// While six devices write, a puller gets every change, by cursor and by timestamp; its pages add
/// up to the stored records.
pub async fn a_puller_skips_nothing_while_others_write(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
    let shared = create_habit(habit(1), titled("Shared"));
    person.apply(shared).await;
    let writing = AtomicU32::new(u32::try_from(WRITERS).unwrap());
    let writers = (1..=WRITERS).map(|writer| write(person, writer, &writing));
    let by_cursor = pull(person, &writing, Some(7), |page| {
        Since::Position(page.cursor().seq)
    });
    // A pull by timestamp has no pages, so it needs no limit.
    let by_timestamp = pull(person, &writing, None, |page| {
        Since::Instant(page.head.changed_at)
    });
    let (_, pulled) = join(join_all(writers), join(by_cursor, by_timestamp)).await;

    let stored = replica(&person.changes(Since::Position(Seq::ZERO)).await);
    assert_eq!(pulled.0, stored, "by cursor");
    assert_eq!(pulled.1, stored, "by timestamp");
    let live = replica(&person.changes(Since::Beginning).await);
    // Most operations create, so a storage that loses writes would fall below.
    assert!(live.len() > usize::try_from(WRITERS * OPERATIONS / 4).unwrap());
}

/// Writes the share of one device: its own habits and entries, and edits of the shared habit.
async fn write(person: TestUser<'_>, writer: u128, writing: &AtomicU32) {
    let id = |nth| 1_000 * writer + nth;
    for nth in 0..OPERATIONS {
        let text = format!("{writer}:{nth}");
        // Each block of twenty operations works on one habit of its own.
        let own = habit(id(nth - nth % 20));
        let action = match nth % 20 {
            0 => create_habit(own, titled(&text)),
            5 => update_habit(habit(1), Base::Any, titled(&text)),
            7 => update_entry(entry(id(nth - 1)), Base::Any, noted(&text)),
            9 => delete_entry(entry(id(nth - 1)), Base::Any),
            19 if nth > 60 => delete_habit(own, Base::Any),
            _ => create_entry(entry(id(nth)), done(own, "2026-01-15")),
        };
        person.apply(action).await;
        // The memory storage never waits, so without a yield one writer would run to its end.
        tokio::task::yield_now().await;
    }
    writing.fetch_sub(1, Ordering::SeqCst);
}

type Replica = BTreeMap<(Entity, Uuid), Record>;

/// Pulls until the writers have stopped and nothing remains, and folds the pages together.
async fn pull(
    person: TestUser<'_>,
    writing: &AtomicU32,
    limit: Option<u32>,
    next: impl Fn(&Page) -> Since,
) -> Replica {
    let mut replica = Replica::new();
    let mut since = Since::Position(Seq::ZERO);
    let mut seen = Seq::ZERO;
    loop {
        // Read before the page, so that the last page is read after the last commit.
        let was_writing = writing.load(Ordering::SeqCst) > 0;
        let page = person.page(since, Scope::Everything, limit).await;
        since = next(&page);
        let seqs: Vec<_> = page.records.iter().map(|r| r.stamp().seq).collect();
        assert!(seqs.is_sorted_by(|a, b| a < b), "each once and in order");
        assert!(
            seqs.first().is_none_or(|first| *first > seen),
            "no position goes back"
        );
        assert!(seqs.last().is_none_or(|last| *last <= page.head.seq));
        seen = seqs.last().copied().unwrap_or(seen);
        fold(&mut replica, &page.records);
        if !was_writing && !page.has_more() {
            return replica;
        }
        tokio::task::yield_now().await;
    }
}

fn replica(records: &[Record]) -> Replica {
    let mut replica = Replica::new();
    fold(&mut replica, records);
    replica
}

/// Applies a page as a device does: the newest state wins, and the tombstone of a habit removes its
/// entries.
fn fold(replica: &mut Replica, records: &[Record]) {
    for record in records {
        let id = match record {
            Record::Habit(habit) => habit.id.uuid(),
            Record::Entry(entry) => entry.id.uuid(),
        };
        replica.insert((record.entity(), id), record.clone());
        if let Record::Habit(habit) = record
            && habit.stamp.is_deleted()
        {
            replica.retain(|_, other| {
                !matches!(other, Record::Entry(entry) if entry.details.habit_id == habit.id)
            });
        }
    }
}

/// Twelve concurrent edits of one version: one is applied and eleven conflict with it.
pub async fn of_twelve_edits_of_one_version_one_wins(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
    person.apply(create_habit(habit(1), titled("Read"))).await;
    let edits = (1..=12).map(|number| {
        let title = format!("Read {number}");
        person.attempt(update_habit(habit(1), on(1), titled(&title)))
    });
    let outcomes = join_all(edits).await;
    let applied: Vec<_> = outcomes
        .iter()
        .filter_map(|outcome| match outcome {
            OperationOutcome::Applied(record) => Some(record),
            _ => None,
        })
        .collect();
    let [winner] = applied[..] else {
        panic!("expected one winner, got {applied:?}");
    };
    let conflicts = outcomes.iter().filter(|outcome| {
        matches!(outcome, OperationOutcome::Conflict(conflict) if conflict.record == *winner)
    });
    assert_eq!(conflicts.count(), 11);
    let stored = storage.habit(person.id, habit(1)).await.unwrap();
    assert_eq!(stored.map(Record::Habit).as_ref(), Some(winner));
}

/// Twelve concurrent creations of the same record: one is applied and the others are no-ops.
pub async fn of_twelve_equal_creates_one_is_applied(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
    let creates = (1..=12).map(|_| person.attempt(create_habit(habit(1), titled("Read"))));
    let outcomes = join_all(creates).await;
    let count = |matching: fn(&OperationOutcome) -> bool| {
        outcomes.iter().filter(|outcome| matching(outcome)).count()
    };
    assert_eq!(count(|o| matches!(o, OperationOutcome::Applied(_))), 1);
    assert_eq!(count(|o| matches!(o, OperationOutcome::Noop(_))), 11);
    assert_eq!(person.head().await.seq, Seq::ZERO.next());
}

/// Twelve concurrent registrations of one address: one succeeds.
pub async fn of_twelve_registrations_of_one_address_one_wins(storage: &dyn Storage) {
    let registrations = (1..=12).map(|number| {
        let mut new = crate::build::new_account(number);
        new.account.email = "ada@example.org".parse().unwrap();
        storage.create_account(new)
    });
    let created = join_all(registrations).await;
    let created = created.into_iter().map(Result::unwrap);
    assert_eq!(created.filter(|created| *created).count(), 1);
}

/// Users who write concurrently have separate histories without gaps.
pub async fn users_who_write_at_once_have_histories_of_their_own(storage: &dyn Storage) {
    let people = (1..=8).map(async |number| {
        let person = TestUser::register(storage, number).await;
        let mut expected = Vec::new();
        for nth in 1..=25 {
            let action = own(number, nth);
            expected.push(person.apply(action).await);
            tokio::task::yield_now().await;
        }
        (person, expected)
    });
    for (person, expected) in join_all(people).await {
        let seqs = expected.iter().map(|record| record.stamp().seq.get());
        // A shared sequence would leave gaps here.
        assert!(seqs.eq(1..=25), "no gap, no position of another user");
        assert_eq!(person.changes(Since::Beginning).await, expected);
    }
}

/// Returns an action with the same ids for every user and texts of its own.
fn own(user: u128, nth: u128) -> Action {
    let text = format!("{user}:{nth}");
    create_habit(habit(nth), titled(&text))
}

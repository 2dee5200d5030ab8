use std::sync::Arc;

use kanso_application::ports::storage::{AccountStore as _, RecordStore as _, Scope};
use kanso_application::streaks::Streaks;
use kanso_application::sync::{Caller, ReadPosition};
use kanso_domain::entries::{EntryFields, EntryKind};
use kanso_domain::habits::{HabitFields, HabitType, TargetDirection, TargetFields};
use kanso_domain::sync::{Action, Base, LoadSet, decide};
use kanso_domain::{Record, UserId};
use kanso_testkit::build::{
    create_entry, create_habit, delete_entry, delete_habit, done, entry, habit, new_account, noon,
    once, titled, user,
};
use kanso_testkit::{ManualClock, MemoryStorage, NullFeed};

use crate::world::World;

/// One day in seconds.
const DAY: i64 = 86_400;

/// Habits on 15 January: a streak, one with a day off, one with a deleted entry, one with an entry
/// in the future, one without entries, a limit, and a deleted one with an entry left.
fn life() -> Vec<Action> {
    let skipped = |of, when| EntryFields {
        kind: Some(EntryKind::Skip),
        ..done(of, when)
    };
    let at_most = TargetFields {
        kind: Some(HabitType::Numeric),
        direction: Some(TargetDirection::AtMost),
        ..TargetFields::default()
    };
    let limit = HabitFields {
        target: at_most,
        ..titled("Sweets")
    };
    let mut life: Vec<_> = (1..=6)
        .map(|number| create_habit(habit(number), titled("Read")))
        .collect();
    life.push(create_habit(habit(7), limit));
    let mut entries = (1..).map(entry);
    let mut record = |fields| create_entry(entries.next().unwrap(), fields);
    for number in [1, 2, 3, 4, 6] {
        life.push(record(done(habit(number), "2026-01-14")));
    }
    life.push(record(done(habit(1), "2026-01-15T08:00:00Z")));
    life.push(record(skipped(habit(2), "2026-01-15")));
    life.push(record(done(habit(3), "2026-01-15")));
    life.push(record(done(habit(4), "2026-01-16")));
    life.push(delete_entry(entry(8), Base::Any));
    life.push(delete_habit(habit(6), Base::Any));
    life
}

/// Returns all records of the user, read in pages of `limit` by a device without a cursor.
async fn everything(world: &World, user: UserId, limit: u32) -> Vec<Record> {
    let mut read = Vec::new();
    let mut seen = ReadPosition::Beginning;
    loop {
        let page = world.sync.delta(user, seen, Scope::Everything, Some(limit));
        let page = page.await.unwrap().unwrap();
        seen = ReadPosition::Cursor(page.cursor());
        let has_more = page.has_more();
        read.extend(page.records);
        if !has_more {
            return read;
        }
    }
}

#[tokio::test]
async fn a_page_with_everything_has_the_streaks_of_pages_without() {
    let world = World::new();
    let user = world.register().await;
    let caller = Caller {
        session: None,
        user,
        device: None,
        cursor: None,
    };
    let outbox: Vec<_> = life().into_iter().map(once).collect();
    world
        .sync
        .exchange(caller, 1, outbox)
        .await
        .unwrap()
        .unwrap();

    let mut shown = Vec::new();
    for _ in 0..4 {
        let on_one_page = everything(&world, user, 1_000).await;
        assert_eq!(on_one_page, everything(&world, user, 1).await);
        let current = on_one_page.iter().filter_map(|record| match record {
            Record::Habit(habit) => Some(habit.streak.current),
            Record::Entry(_) => None,
        });
        shown.push(current.collect::<Vec<_>>());
        world.clock.advance_seconds(DAY);
    }
    let of_each_day = [
        [2, 1, 1, 1, 0, 0],
        [2, 1, 0, 1, 0, 1],
        [0, 0, 0, 1, 0, 2],
        [0, 0, 0, 0, 0, 3],
    ];
    assert_eq!(shown, of_each_day);
}

#[tokio::test]
async fn the_age_of_the_oldest_job_is_that_of_its_change() {
    let storage = Arc::new(MemoryStorage::default());
    let clock = Arc::new(ManualClock::at(noon()));
    let streaks = Streaks::new(storage.clone(), clock.clone(), Arc::new(NullFeed));
    let age = async || streaks.backlog().await.unwrap().1;
    assert_eq!(age().await, 0, "no job waits");
    storage.create_account(new_account(1)).await.unwrap();
    let outbox = vec![once(create_habit(habit(1), titled("Read")))];
    let keys = LoadSet::of(&outbox);
    let work = Arc::new(move |current| Ok(decide(current, &outbox, noon())));
    storage.write(user(1), keys, work).await.unwrap();
    clock.advance_seconds(90);
    assert_eq!(age().await, 90);
    clock.set(noon().plus_seconds(-90));
    assert_eq!(age().await, 0, "the clock went back");
}

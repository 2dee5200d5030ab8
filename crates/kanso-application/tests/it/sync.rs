use kanso_application::ports::storage::{RecordStore as _, Scope};
use kanso_application::sync::{Caller, ReadPosition, Synced};
use kanso_domain::sync::{
    Base, Cursor, CursorRefusal, Deferral, Epoch, Operation, OperationOutcome, RejectionCode,
};
use kanso_domain::{Entity, Record, Stamp, UserId};
use kanso_testkit::build::{
    create_entry, create_habit, delete_habit, done, entry, habit, noon, operation, titled,
    update_habit, version,
};

use crate::world::{World, is_account_gone};

const LIMIT: u32 = 1_000;

/// The kind and stamp of records, without derived values.
fn places(records: &[Record]) -> Vec<(Entity, Stamp)> {
    records
        .iter()
        .map(|record| (record.entity(), *record.stamp()))
        .collect()
}

#[tokio::test]
async fn a_device_gets_its_results_and_its_own_changes() {
    let world = World::new();
    let user = world.register().await;
    let outbox = vec![
        operation(1, create_habit(habit(1), titled("Read"))),
        operation(2, create_entry(entry(1), done(habit(1), "2026-01-15"))),
    ];
    let synced = exchange(&world, user, None, outbox).await.unwrap();
    let records = applied(&synced.outcomes);
    assert_eq!(records.len(), 2);
    assert_eq!(places(&synced.page.records), places(&records));
    let quiet = exchange(&world, user, Some(synced.page.cursor()), vec![]);
    let quiet = quiet.await.unwrap();
    assert_eq!(quiet.page.records, []);
    assert_eq!(quiet.page.cursor(), synced.page.cursor());
}

#[tokio::test]
async fn a_retried_outbox_has_no_second_effect() {
    let world = World::new();
    let user = world.register().await;
    let outbox = vec![
        operation(1, create_habit(habit(1), titled("Read"))),
        operation(2, update_habit(habit(1), Base::Any, titled("Run"))),
    ];
    let first = exchange(&world, user, None, outbox.clone()).await.unwrap();
    world.clock.advance_seconds(60);
    let again = exchange(&world, user, None, outbox).await.unwrap();
    let places = again.outcomes.iter().map(|outcome| match outcome {
        OperationOutcome::Duplicate { version, seq, .. } => (*version, seq.get()),
        other => panic!("expected a duplicate, got {other:?}"),
    });
    assert!(places.eq([(version(1), 1), (version(2), 2)]));
    assert_eq!(again.page, first.page);
}

#[tokio::test]
async fn an_op_id_with_another_body_is_rejected() {
    let world = World::new();
    let user = world.register().await;
    let first = operation(1, create_habit(habit(1), titled("Read")));
    let mut other = operation(2, create_habit(habit(2), titled("Run")));
    if let (Some(key), Some(used)) = (&mut other.key, first.key) {
        key.op_id = used.op_id;
    }
    let synced = exchange(&world, user, None, vec![first, other])
        .await
        .unwrap();
    let rejected = OperationOutcome::Rejected(RejectionCode::OpIdReused.into());
    assert_eq!(synced.outcomes[1], rejected);
    assert_eq!(synced.page.records.len(), 1);
}

#[tokio::test]
async fn a_cursor_of_another_history_leaves_the_outbox_unapplied() {
    let world = World::new();
    let user = world.register().await;
    let head = world.storage.head(user).await.unwrap().unwrap();
    let restored = Cursor {
        epoch: Epoch::new(head.epoch.get() + 1),
        ..head.cursor()
    };
    let ahead = Cursor {
        seq: head.seq.next(),
        ..head.cursor()
    };
    let outbox = vec![operation(1, create_habit(habit(1), titled("Read")))];
    for (cursor, expected) in [
        (restored, CursorRefusal::EpochChanged),
        (ahead, CursorRefusal::Ahead),
    ] {
        for outbox in [outbox.clone(), vec![]] {
            let refused = exchange(&world, user, Some(cursor), outbox).await;
            assert_eq!(refused.unwrap_err(), expected);
        }
        let position = ReadPosition::Cursor(cursor);
        let refused = world.sync.delta(user, position, Scope::Habits, None).await;
        assert_eq!(refused.unwrap().unwrap_err(), expected);
    }
    assert_eq!(world.storage.head(user).await.unwrap(), Some(head));
    // With a valid cursor the same outbox is applied as if it were sent for the first time.
    let synced = exchange(&world, user, Some(head.cursor()), outbox).await;
    assert_eq!(applied(&synced.unwrap().outcomes).len(), 1);
}

#[tokio::test]
async fn a_deferred_operation_is_applied_once_its_habit_is_there() {
    let world = World::new();
    let user = world.register().await;
    let waiting = operation(1, create_entry(entry(1), done(habit(1), "2026-01-15")));
    let waits = OperationOutcome::Deferred(Deferral::HabitUnknown(habit(1)));
    for _ in 0..2 {
        let synced = exchange(&world, user, None, vec![waiting.clone()]).await;
        let synced = synced.unwrap();
        assert_eq!(synced.outcomes[0], waits);
        assert_eq!(synced.page.records, []);
    }
    let outbox = vec![
        operation(2, create_habit(habit(1), titled("Read"))),
        waiting.clone(),
    ];
    let synced = exchange(&world, user, None, outbox).await.unwrap();
    assert_eq!(applied(&synced.outcomes).len(), 2);
    let again = exchange(&world, user, None, vec![waiting]).await.unwrap();
    let is_duplicate = matches!(again.outcomes[0], OperationOutcome::Duplicate { .. });
    assert!(is_duplicate, "{:?}", again.outcomes);
}

#[tokio::test]
async fn one_failure_does_not_stop_the_others() {
    let world = World::new();
    let user = world.register().await;
    let outbox = vec![
        operation(1, delete_habit(habit(9), Base::Any)),
        operation(2, create_habit(habit(1), titled("Read"))),
        operation(3, create_entry(entry(1), done(habit(9), "2026-01-15"))),
        operation(4, create_habit(habit(2), titled("Run"))),
    ];
    let synced = exchange(&world, user, None, outbox).await.unwrap();
    assert!(matches!(synced.outcomes[0], OperationOutcome::Rejected(_)));
    assert!(matches!(synced.outcomes[2], OperationOutcome::Deferred(_)));
    assert_eq!(
        places(&applied(&synced.outcomes)),
        places(&synced.page.records)
    );
}

#[tokio::test]
async fn pages_follow_each_other_until_nothing_is_left() {
    let world = World::new();
    let user = world.register().await;
    let create = |number: u8| {
        let title = format!("Habit {number}");
        operation(number, create_habit(habit(number.into()), titled(&title)))
    };
    let whole = exchange(&world, user, None, (1..=5).map(create).collect());
    let whole = whole.await.unwrap().page.records;
    let mut cursor = None;
    let mut read = Vec::new();
    for remaining in [3, 1, 0] {
        let synced = world
            .sync
            .exchange(
                Caller {
                    session: None,
                    user,
                    device: None,
                    cursor,
                },
                2,
                vec![],
            )
            .await;
        let page = synced.unwrap().unwrap().page;
        assert_eq!(page.remaining, remaining);
        cursor = Some(page.cursor());
        read.extend(page.records);
    }
    assert_eq!(read, whole);
}

#[tokio::test]
async fn a_client_of_the_first_version_reads_by_instant() {
    let world = World::new();
    let user = world.register().await;
    for number in [1_u8, 2] {
        world.clock.advance_seconds(60);
        let create = create_habit(habit(number.into()), titled("Read"));
        exchange(&world, user, None, vec![operation(number, create)])
            .await
            .unwrap();
    }
    let since = async |instant| {
        let position = ReadPosition::Instant(instant);
        let page = world
            .sync
            .delta(user, position, Scope::Everything, None)
            .await;
        page.unwrap().unwrap().records.len()
    };
    let first = noon().plus_seconds(60);
    assert_eq!(since(noon()).await, 2);
    assert_eq!(since(first.plus_micros(-1)).await, 2);
    assert_eq!(since(first).await, 1);
    assert_eq!(since(first.plus_seconds(60)).await, 0);
}

#[tokio::test]
async fn a_deleted_account_does_not_sync() {
    let world = World::new();
    let user = world.register().await;
    world.delete(user).await.unwrap();
    let outbox = vec![operation(1, create_habit(habit(1), titled("Read")))];
    for outbox in [outbox, vec![]] {
        let synced = world
            .sync
            .exchange(
                Caller {
                    session: None,
                    user,
                    device: None,
                    cursor: None,
                },
                LIMIT,
                outbox,
            )
            .await;
        assert!(is_account_gone(&synced));
    }
}

async fn exchange(
    world: &World,
    user: UserId,
    cursor: Option<Cursor>,
    outbox: Vec<Operation>,
) -> Result<Synced, CursorRefusal> {
    let synced = world.sync.exchange(
        Caller {
            session: None,
            user,
            device: None,
            cursor,
        },
        LIMIT,
        outbox,
    );
    synced.await.unwrap()
}

/// The records of the operations that were applied.
fn applied(outcomes: &[OperationOutcome]) -> Vec<Record> {
    outcomes
        .iter()
        .filter_map(|outcome| match outcome {
            OperationOutcome::Applied(record) => Some(record.clone()),
            _ => None,
        })
        .collect()
}

/// Returns all records in the order in which an export reads them. `meanwhile` runs after the first
/// page.
async fn export(
    world: &World,
    user: UserId,
    meanwhile: impl AsyncFnOnce(),
) -> Vec<(Entity, Stamp)> {
    let (mut pages, mut meanwhile) = (Vec::new(), Some(meanwhile));
    let mut cursor = None;
    loop {
        let page = world
            .sync
            .history_page(user, cursor, 2)
            .await
            .unwrap()
            .unwrap();
        pages.extend(places(&page.records));
        if !page.has_more() {
            return pages;
        }
        cursor = Some(page.cursor());
        if let Some(meanwhile) = meanwhile.take() {
            meanwhile().await;
        }
    }
}

#[tokio::test]
async fn an_export_has_the_newest_state_of_every_record() {
    let world = World::new();
    let user = world.register().await;
    let outbox = (1..=3)
        .map(|number| operation(number, create_habit(habit(number.into()), titled("Read"))))
        .chain([operation(4, delete_habit(habit(2), Base::Any))])
        .collect();
    exchange(&world, user, None, outbox).await.unwrap();
    // Deletes a habit after the page on which it was live.
    let meanwhile = async || {
        let outbox = vec![operation(5, delete_habit(habit(1), Base::Any))];
        exchange(&world, user, None, outbox).await.unwrap();
    };
    let pages = export(&world, user, meanwhile).await;
    let deleted: Vec<_> = pages.iter().map(|(_, stamp)| stamp.is_deleted()).collect();
    assert_eq!(deleted, [false, false, true, true]);
}

#[tokio::test]
async fn an_export_has_pages_of_one_history() {
    let world = World::new();
    let user = world.register().await;
    let outbox = vec![operation(1, create_habit(habit(1), titled("Read")))];
    let synced = exchange(&world, user, None, outbox).await.unwrap();
    let here = synced.page.cursor();
    let elsewhere = Cursor {
        epoch: Epoch::new(here.epoch.get() + 1),
        ..here
    };
    let after = async |cursor| {
        world
            .sync
            .history_page(user, Some(cursor), LIMIT)
            .await
            .unwrap()
    };
    assert!(after(here).await.is_some());
    assert_eq!(after(elsewhere).await, None);
}

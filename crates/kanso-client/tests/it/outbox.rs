//! Content and order of pushed batches, and operations leaving the outbox.

use kanso_client::EditError;
use kanso_client::domain::QuantityChange;
use kanso_client::protocol::Patch;
use kanso_client::protocol::entries::EntryMembers;
use kanso_client::protocol::habits::HabitMembers;
use kanso_client::protocol::sync::OperationStatus;

use uuid::Uuid;

use crate::support::{FakeServer, NetworkFault, all_entries, on, signed_in, titled, titles};

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_with_the_same_bytes() {
    let server = FakeServer::new();
    let device = signed_in(1, &server).await;
    let habit = device.create_habit(titled("Read")).expect("creates");
    device
        .create_entry(on(&habit, "2026-11-22"))
        .expect("creates");
    server.fail([NetworkFault::LoseResponse]);
    device.sync(&server).await.expect_err("the answer was lost");
    assert_eq!(device.status().expect("reads").waiting, 2);

    let report = device.sync(&server).await.expect("syncs");
    assert_eq!((report.pushed, report.pulled, report.waiting), (2, 2, 0));
    let state = server.state();
    assert_eq!(state.changes_applied, 2, "each was carried out once");
    assert_eq!(state.pushes[0].operations, state.pushes[1].operations);
}

#[tokio::test]
async fn a_lost_request_changes_nothing() {
    let server = FakeServer::new();
    let device = signed_in(1, &server).await;
    device.create_habit(titled("Read")).expect("creates");
    server.fail([NetworkFault::LoseRequest]);
    device.sync(&server).await.expect_err("it was lost");
    assert_eq!(titles(&device), ["Read"]);
    assert_eq!(device.sync(&server).await.expect("syncs").pushed, 1);
}

#[tokio::test]
async fn a_long_outbox_goes_out_in_chunks_that_the_server_takes() {
    let server = FakeServer::new();
    let device = signed_in(1, &server).await;
    let habit = device.create_habit(titled("Read")).expect("creates");
    for minute in 0..1_200 {
        let at = format!(
            "2026-11-{:02}T{:02}:{:02}:00Z",
            1 + minute / 60,
            minute % 24,
            minute % 60
        );
        device.create_entry(on(&habit, &at)).expect("creates");
    }
    let report = device.sync(&server).await.expect("syncs");
    assert_eq!((report.pushed, report.waiting), (1_201, 0));
    let sizes: Vec<_> = server
        .state()
        .pushes
        .iter()
        .map(|push| push.operations.len())
        .collect();
    assert_eq!(sizes[..3], [500, 500, 201]);
}

#[tokio::test]
async fn long_operations_are_counted_by_bytes() {
    let server = FakeServer::new();
    let device = signed_in(1, &server).await;
    let habit = device.create_habit(titled("Read")).expect("creates");
    let notes = "\u{1F4DA}".repeat(2_000);
    for day in 1..=28 {
        for month in 1..=5 {
            device
                .create_entry(EntryMembers {
                    notes: Patch::Value(notes.clone()),
                    ..on(&habit, &format!("2026-{month:02}-{day:02}"))
                })
                .expect("creates");
        }
    }
    let report = device.sync(&server).await.expect("syncs");
    assert_eq!(report.pushed, 141);
    assert!(server.state().pushes.len() > 1, "no body passes the limit");
}

#[tokio::test]
async fn acknowledged_operation_stays_visible_until_delivered() {
    let server = FakeServer::new();
    let other = signed_in(2, &server).await;
    for title in ["a", "b", "c"] {
        other.create_habit(titled(title)).expect("creates");
    }
    other.sync(&server).await.expect("syncs");
    let device = signed_in(1, &server).await;
    device.create_habit(titled("mine")).expect("creates");
    server.state().page = 2;
    server.fail([NetworkFault::None, NetworkFault::LoseRequest]);
    device
        .sync(&server)
        .await
        .expect_err("only the first page came");
    assert!(
        titles(&device).contains(&"mine".to_owned()),
        "{:?}",
        titles(&device)
    );
    assert_eq!(device.status().expect("reads").waiting, 0);
    device.sync(&server).await.expect("syncs");
    assert_eq!(titles(&device), ["a", "b", "c", "mine"]);
    assert_eq!(server.state().changes_applied, 4);
}

#[tokio::test]
async fn entry_and_its_edits_wait_for_their_habit() {
    let server = FakeServer::new();
    let device = signed_in(1, &server).await;
    let mut habit = device.create_habit(titled("Read")).expect("creates");
    // The server knows the operation's id already, with another body.
    server.state().know(Uuid::from_u64_pair(1, 3));
    let entry = device
        .create_entry(on(&habit, "2026-11-22"))
        .expect("creates");
    let noted = EntryMembers {
        notes: Patch::Value("a chapter".to_owned()),
        ..EntryMembers::default()
    };
    device.update_entry(entry.id, noted).expect("updates");
    let report = device.sync(&server).await.expect("syncs");
    assert_eq!((report.waiting, report.failures.len()), (2, 1));

    // The habit arrives in another way after all.
    {
        let mut state = server.state();
        state.head.seq = state.head.seq.next();
        habit.stamp.seq = state.head.seq;
        state.habits.insert(habit.id, habit);
    }
    let report = device.sync(&server).await.expect("syncs");
    assert_eq!(
        (report.pushed, report.waiting, report.failures.len()),
        (2, 0, 0)
    );
    assert_eq!(all_entries(&device)[0].details.notes.as_str(), "a chapter");
}

#[tokio::test]
async fn edit_after_a_rejected_one_is_sent_on_the_stored_version() {
    let server = FakeServer::new();
    let device = signed_in(1, &server).await;
    let habit = device.create_habit(titled("Read")).expect("creates");
    device.sync(&server).await.expect("syncs");
    device
        .update_habit(habit.id, titled("Read more"))
        .expect("updates");
    let colored = HabitMembers {
        color: Patch::Value("#112233".to_owned()),
        ..HabitMembers::default()
    };
    device.update_habit(habit.id, colored).expect("updates");
    // The server knows the first operation's id already, with another body.
    server.state().know(Uuid::from_u64_pair(1, 4));

    let report = device.sync(&server).await.expect("syncs");
    assert_eq!(report.failures.len(), 1);
    assert_eq!(report.failures[0].result.status, OperationStatus::Rejected);
    assert_eq!((report.pushed, report.waiting), (1, 0));
    let stored = server.state().habits[&habit.id].clone();
    assert_eq!(stored.details.color.as_str(), "#112233");
    assert_eq!(stored.details.title.as_str(), "Read");
}

#[tokio::test]
async fn group_that_builds_on_a_rejected_edit_stays_whole() {
    let server = FakeServer::new();
    let device = signed_in(1, &server).await;
    let habit = device.create_habit(titled("Read")).expect("creates");
    device.sync(&server).await.expect("syncs");
    device
        .update_habit(habit.id, titled("Read more"))
        .expect("updates");
    let grouped: Result<_, EditError> = device.group(|edits| {
        let colored = HabitMembers {
            color: Patch::Value("#112233".to_owned()),
            ..HabitMembers::default()
        };
        edits.create_entry(on(&habit, "2026-11-21"))?;
        edits.update_habit(habit.id, colored)?;
        edits.create_entry(on(&habit, "2026-11-22"))
    });
    grouped.expect("writes");
    // The server knows the first operation's id already, with another body.
    server.state().know(Uuid::from_u64_pair(1, 4));
    // After that the edits get the version that the server has as their base.
    server.change_epoch();

    let first = device.sync(&server).await.expect("syncs");
    let second = device.sync(&server).await.expect("syncs");
    assert_eq!((first.failures.len(), second.failures.len()), (1, 0));
    assert_eq!((first.pushed + second.pushed, second.waiting), (3, 0));
    let stored = server.state().habits[&habit.id].clone();
    assert_eq!(stored.details.color.as_str(), "#112233");
    assert_eq!(server.state().entries.len(), 2);
}

#[tokio::test]
async fn increments_of_two_devices_add_up() {
    let thousandths = |number| QuantityChange::from_thousandths(number).expect("small");
    let server = FakeServer::new();
    let (a, b) = (signed_in(1, &server).await, signed_in(2, &server).await);
    let habit = a.create_habit(titled("Drink")).expect("creates");
    let entry = a.create_entry(on(&habit, "2026-11-22")).expect("creates");
    for device in [&a, &b] {
        device.sync(&server).await.expect("syncs");
    }
    let shown = a.add_to_entry(entry.id, thousandths(250)).expect("adds");
    assert_eq!(shown.details.value.thousandths(), 1_250, "at once");
    b.add_to_entry(entry.id, thousandths(-125))
        .expect("takes away");
    let too_much = b.add_to_entry(entry.id, thousandths(-5_000));
    assert!(
        matches!(too_much, Err(EditError::Invalid(_))),
        "{too_much:?}"
    );
    for device in [&a, &b, &a] {
        let report = device.sync(&server).await.expect("syncs");
        assert!(report.failures.is_empty());
    }
    for device in [&a, &b] {
        let value = all_entries(device)[0].details.value;
        assert_eq!(value.thousandths(), 1_125);
    }
}

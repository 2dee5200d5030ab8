//! Several edits at once.

use kanso_client::domain::habits::Habit;
use kanso_client::protocol::Patch;
use kanso_client::protocol::entries::EntryMembers;
use kanso_client::protocol::sync::OperationStatus;
use kanso_client::{Client, EditError, Failure, ReplicaError};

use crate::support::{
    EMAIL, FakeServer, PASSWORD, all_entries, on, parts, signed_in, titled, titles,
};

#[tokio::test]
async fn a_transaction_keeps_all_or_nothing() {
    let server = FakeServer::new();
    let device = signed_in(1, &server).await;
    let failed: Result<(), EditError> = device.transaction(|edits| {
        let habit = edits.create_habit(titled("Read"))?;
        edits.create_entry(on(&habit, "2026-11-22"))?;
        edits.create_habit(titled(""))?;
        Ok(())
    });
    assert!(matches!(failed, Err(EditError::Invalid(_))), "{failed:?}");
    assert!(titles(&device).is_empty());
    assert_eq!(device.status().expect("reads").waiting, 0);

    let made: Result<_, EditError> = device.transaction(|edits| {
        let habit = edits.create_habit(titled("Read"))?;
        edits.update_habit(habit.id, titled("Read more"))?;
        edits.create_entry(on(&habit, "2026-11-22"))
    });
    made.expect("makes both");
    assert_eq!(titles(&device), ["Read more"]);
    assert_eq!(device.sync(&server).await.expect("syncs").pushed, 3);
}

#[tokio::test]
async fn client_call_inside_its_own_transaction_fails_without_a_deadlock() {
    let device = signed_in(1, &FakeServer::new()).await;
    let refused: Result<(), EditError> = device.transaction(|edits| {
        edits.create_habit(titled("Read"))?;
        device.create_habit(titled("Run"))?;
        Ok(())
    });
    let is_refused =
        |error: &EditError| matches!(error, EditError::Replica(ReplicaError::InTransaction));
    assert!(refused.as_ref().is_err_and(is_refused), "{refused:?}");
    let grouped: Result<(), EditError> = device.group(|edits| {
        assert!(matches!(device.habits(), Err(ReplicaError::InTransaction)));
        edits.create_habit(titled("Read")).map(drop)
    });
    grouped.expect("a question that is refused does no harm");
    assert_eq!(titles(&device), ["Read"]);
}

#[tokio::test]
async fn a_group_is_applied_or_rejected_as_one() {
    let server = FakeServer::new();
    let (a, b) = (signed_in(1, &server).await, signed_in(2, &server).await);
    let habit = a.create_habit(titled("Read")).expect("creates");
    for device in [&a, &b] {
        device.sync(&server).await.expect("syncs");
    }
    a.update_habit(habit.id, titled("theirs")).expect("updates");
    a.sync(&server).await.expect("syncs");
    let grouped: Result<_, EditError> = b.group(|edits| {
        edits.update_habit(habit.id, titled("mine"))?;
        edits.create_entry(on(&habit, "2026-11-22"))
    });
    grouped.expect("writes");
    let report = b.sync(&server).await.expect("syncs");
    let statuses: Vec<_> = report
        .failures
        .iter()
        .map(|failure| failure.result.status)
        .collect();
    assert_eq!(
        statuses,
        [OperationStatus::Conflict, OperationStatus::Rejected]
    );
    assert!(all_entries(&b).is_empty());
    assert!(server.state().entries.is_empty());
}

#[tokio::test]
async fn a_group_goes_out_in_one_request() {
    let server = FakeServer::new();
    let device = signed_in(1, &server).await;
    let habit = device.create_habit(titled("Read")).expect("creates");
    let entries = |count: u32| {
        device.group(|edits| {
            for _ in 0..count {
                edits.create_entry(on(&habit, "2026-11-22"))?;
            }
            Ok::<_, EditError>(())
        })
    };
    entries(450).expect("writes");
    entries(100).expect("writes");
    assert!(matches!(entries(501), Err(EditError::TooMany)));
    let report = device.sync(&server).await.expect("syncs");
    assert_eq!((report.pushed, report.failures.len()), (551, 0));
    let state = server.state();
    let sizes: Vec<_> = state
        .pushes
        .iter()
        .map(|push| push.operations.len())
        .collect();
    assert_eq!(sizes, [451, 100]);
    let named = state.pushes.iter().flat_map(|push| &push.operations);
    let named: Vec<_> = named.map(|operation| operation.group_size).collect();
    assert_eq!(named[0], None);
    assert_eq!(
        (named[1], named[450], named[451]),
        (Some(450), Some(450), Some(100))
    );
}

#[tokio::test]
async fn a_server_that_does_not_know_the_size_of_a_group_gets_it_without() {
    for unknown in [&["group_size"] as &[_], &["seen_versions", "group_size"]] {
        let server = FakeServer::new();
        server.state().unknown_members = unknown;
        let device = signed_in(1, &server).await;
        let habit = device.create_habit(titled("Read")).expect("creates");
        let done = device.group(|edits| {
            edits.create_entry(on(&habit, "2026-11-22"))?;
            edits.create_entry(on(&habit, "2026-11-23"))
        });
        done.expect("writes");
        let report = device.sync(&server).await.expect("syncs");
        assert_eq!((report.pushed, report.failures.len()), (3, 0));
    }
}

/// Writes entries with long notes in one group: 8 KB each.
fn long_entries(device: &Client, habit: &Habit, count: usize) -> Result<(), EditError> {
    let notes = "\u{1F4DA}".repeat(2_000);
    device.group(|edits| {
        for _ in 0..count {
            edits.create_entry(EntryMembers {
                notes: Patch::Value(notes.clone()),
                ..on(habit, "2026-11-22")
            })?;
        }
        Ok(())
    })
}

#[tokio::test]
async fn a_group_that_no_request_can_carry_is_refused_when_it_is_made() {
    let server = FakeServer::new();
    let device = signed_in(1, &server).await;
    let habit = device.create_habit(titled("Read")).expect("creates");
    let refused = long_entries(&device, &habit, 120);
    assert!(matches!(refused, Err(EditError::TooLarge)), "{refused:?}");
    assert_eq!(device.status().expect("a status").waiting, 1);
    long_entries(&device, &habit, 100).expect("writes");
    let report = device.sync(&server).await.expect("syncs");
    assert_eq!((report.pushed, report.failures.len()), (101, 0));
}

/// An older version of this library wrote such groups.
#[tokio::test]
async fn a_waiting_group_that_no_request_can_carry_fails_as_a_whole() {
    let server = FakeServer::new();
    let folder = tempfile::tempdir().expect("a folder");
    let (clock, ids) = parts(1);
    let device = Client::open_with(folder.path(), clock, ids).expect("opens");
    let logged_in = device.login(&server, EMAIL, PASSWORD).await;
    logged_in.expect("logs in");
    let habit = device.create_habit(titled("Read")).expect("creates");
    for _ in 0..2 {
        long_entries(&device, &habit, 80).expect("writes");
    }
    device.create_habit(titled("Write")).expect("creates");
    let database = rusqlite::Connection::open(folder.path().join("replica.db"));
    let database = database.expect("opens");
    let one_group =
        "UPDATE outbox SET body = json_set(body, '$.group', 'g') WHERE entity = 'entry'";
    database.execute(one_group, []).expect("updates");
    let report = device.sync(&server).await.expect("syncs");
    assert_eq!(
        (report.pushed, report.failures.len(), report.waiting),
        (2, 160, 0)
    );
    assert!(report.failures.iter().all(Failure::is_unsent));
    assert!(server.state().entries.is_empty());
}

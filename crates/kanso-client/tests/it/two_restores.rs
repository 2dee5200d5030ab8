//! A server that was restored twice, from backups of two different histories.

use kanso_client::protocol::MAX_OPERATIONS;

use crate::recovery::must_agree;
use crate::support::{FakeServer, NetworkFault, on, signed_in, titled, titles};

#[tokio::test]
async fn edit_that_went_into_a_given_back_record_survives_the_next_restore() {
    let server = FakeServer::new();
    let a = signed_in(1, &server).await;
    a.sync(&server).await.expect("syncs");
    let empty = server.state().backup();
    let habit = a.create_habit(titled("Read")).expect("creates").id;
    a.sync(&server).await.expect("syncs");
    let unedited = server.state().backup();
    a.update_habit(habit, titled("Read more")).expect("updates");
    a.sync(&server).await.expect("syncs");

    server.state().restore(empty);
    // Time passes, so the record is created anew at a later instant.
    server.state().head.changed_at = "2026-11-23T00:00:00Z".parse().expect("an instant");
    server.change_epoch();
    let report = a.sync(&server).await.expect("syncs");
    assert_eq!(report.offered, 1, "the create has the edit: {report:?}");
    assert_eq!(titles(&a), ["Read more"]);

    // Its record has version 1 too, and not the edit.
    server.state().restore(unedited);
    server.change_epoch();
    let report = a.sync(&server).await.expect("syncs");
    assert_eq!(report.failures.len(), 1, "{report:?}");
    assert_eq!(report.failures[0].clashing(), ["title"]);
    a.keep_mine(report.failures[0].id).expect("decides");
    a.sync(&server).await.expect("syncs");
    assert_eq!(titles(&a), ["Read more"]);
    must_agree(&a, &server);
}

#[tokio::test]
async fn records_lost_by_both_restores_are_given_back() {
    let server = FakeServer::new();
    let (a, b) = (signed_in(1, &server).await, signed_in(2, &server).await);
    a.create_habit(titled("Read")).expect("creates");
    for device in [&a, &b] {
        device.sync(&server).await.expect("syncs");
    }
    for title in ["Run", "Swim"] {
        let copy = server.state().backup();
        b.create_habit(titled(title)).expect("creates");
        b.sync(&server).await.expect("syncs");
        server.state().restore(copy);
        server.change_epoch();
    }
    for device in [&a, &b, &a] {
        let report = device.sync(&server).await.expect("syncs");
        assert!(report.failures.is_empty(), "{report:?}");
    }
    for device in [&a, &b] {
        assert_eq!(titles(device), ["Read", "Run", "Swim"]);
        must_agree(device, &server);
    }
}

/// A deletes a habit while an entry of it waits on B. B reads the tombstone, and before it sends the
/// entry, the server is restored to before the habit was made: it does not even know the deletion.
#[tokio::test]
async fn entry_of_a_habit_that_no_device_has_any_more_becomes_a_failure() {
    let server = FakeServer::new();
    let (a, b) = (signed_in(1, &server).await, signed_in(2, &server).await);
    let run = a.create_habit(titled("Run")).expect("creates").id;
    for device in [&a, &b] {
        device.sync(&server).await.expect("syncs");
    }
    let copy = server.state().backup();
    let read = a.create_habit(titled("Read")).expect("creates");
    for device in [&a, &b] {
        device.sync(&server).await.expect("syncs");
    }
    for number in 0..MAX_OPERATIONS {
        let title = format!("Run {number}");
        b.update_habit(run, titled(&title)).expect("updates");
    }
    // In a request of its own.
    let entry = b.create_entry(on(&read, "2026-11-21")).expect("creates").id;
    a.delete_habit(read.id).expect("deletes");
    a.sync(&server).await.expect("syncs");
    server.fail([NetworkFault::None, NetworkFault::LoseRequest]);
    b.sync(&server).await.expect_err("interrupted");
    server.state().restore(copy);
    server.change_epoch();

    let report = b.sync(&server).await.expect("syncs");
    assert_eq!(report.waiting, 0, "{report:?}");
    assert_eq!(report.failures.len(), 1, "{report:?}");
    let failure = &report.failures[0];
    assert_eq!(failure.operation.id, entry.uuid());
    assert_eq!(failure.result.code.as_deref(), Some("habit_not_found"));
    b.take_theirs(failure.id).expect("decides");
    must_agree(&b, &server);
}

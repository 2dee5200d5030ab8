//! Another device gives a record back first, with an edit that this device has never seen.
//!
//! An edit that waits on this device must not overwrite that one: the user sees a conflict.

use kanso_client::SyncReport;
use kanso_client::domain::HabitId;
use kanso_client::protocol::Patch;
use kanso_client::protocol::habits::HabitMembers;

use crate::recovery::must_agree;
use crate::support::{Device, FakeServer, NetworkFault, signed_in, titled};

fn described(description: &str) -> HabitMembers {
    HabitMembers {
        description: Patch::Value(description.to_owned()),
        ..HabitMembers::default()
    }
}

fn describe(device: &Device, habit: HabitId, description: &str) {
    device
        .update_habit(habit, described(description))
        .expect("updates");
}

fn description(device: &Device, habit: HabitId) -> String {
    let view = device.habit(habit).expect("reads").expect("exists");
    view.record.details.description.as_str().to_owned()
}

/// The report has a conflict of the description, and the record that of the other device.
async fn must_clash(device: &Device, server: &FakeServer, habit: HabitId, report: &SyncReport) {
    let clash = |failure: &&kanso_client::Failure| failure.clashing() == ["description"];
    let failures: Vec<_> = report.failures.iter().filter(clash).collect();
    assert!(!failures.is_empty(), "{report:?}");
    assert_eq!(description(device, habit), "of the other");
    // The user decides for the newest of the refused edits.
    for failure in &report.failures {
        device.take_theirs(failure.id).expect("decides");
    }
    device.sync(server).await.expect("syncs");
    must_agree(device, server);
}

/// `a` has read the edits up to "seen", and has one of its own in the outbox if `has_edit`; `b` has made a later one,
/// and it was lost together with them.
async fn edited_by_two(
    is_created_after_backup: bool,
    has_edit: bool,
) -> (FakeServer, Device, Device, HabitId) {
    let server = FakeServer::new();
    let (a, b) = (signed_in(1, &server).await, signed_in(2, &server).await);
    let empty = server.state().backup();
    let habit = a.create_habit(titled("Read")).expect("creates").id;
    for device in [&a, &b] {
        device.sync(&server).await.expect("syncs");
    }
    let first = server.state().backup();
    describe(&a, habit, "seen");
    for device in [&a, &b] {
        device.sync(&server).await.expect("syncs");
    }
    describe(&b, habit, "of the other");
    b.sync(&server).await.expect("syncs");
    if has_edit {
        describe(&a, habit, "mine");
    }
    server.state().restore(if is_created_after_backup {
        empty
    } else {
        first
    });
    server.change_epoch();
    // `a` reads the restored history, and the push with its offer is lost.
    server.fail([
        NetworkFault::None,
        NetworkFault::None,
        NetworkFault::LoseRequest,
    ]);
    a.sync(&server).await.expect_err("interrupted");
    (server, a, b, habit)
}

#[tokio::test]
async fn edit_of_an_older_version_does_not_overwrite_it() {
    let (server, a, b, habit) = edited_by_two(false, true).await;
    b.sync(&server).await.expect("syncs");
    let report = a.sync(&server).await.expect("syncs");
    must_clash(&a, &server, habit, &report).await;
}

#[tokio::test]
async fn edit_of_a_created_record_does_not_overwrite_it() {
    let (server, a, b, habit) = edited_by_two(true, true).await;
    b.sync(&server).await.expect("syncs");
    let report = a.sync(&server).await.expect("syncs");
    must_clash(&a, &server, habit, &report).await;
}

/// Without the other device there is nothing to clash with.
#[tokio::test]
async fn edit_of_a_record_that_only_this_device_gives_back_is_applied() {
    for is_created_after_backup in [false, true] {
        let (server, a, _, habit) = edited_by_two(is_created_after_backup, true).await;
        let report = a.sync(&server).await.expect("syncs");
        assert!(report.failures.is_empty(), "{report:?}");
        assert_eq!(description(&a, habit), "mine");
        must_agree(&a, &server);
    }
}

/// The server had the create of `a`, but the answer was lost, and then the server lost the create. `b` has
/// edited the record and given it back first, and `a` has an edit in the outbox.
async fn created_by_two() -> (FakeServer, Device, HabitId) {
    let server = FakeServer::new();
    let (a, b) = (signed_in(1, &server).await, signed_in(2, &server).await);
    for device in [&a, &b] {
        device.sync(&server).await.expect("syncs");
    }
    let empty = server.state().backup();
    let habit = a.create_habit(titled("Read")).expect("creates").id;
    server.fail([NetworkFault::LoseResponse]);
    a.sync(&server).await.expect_err("interrupted");
    b.sync(&server).await.expect("syncs");
    describe(&b, habit, "of the other");
    b.sync(&server).await.expect("syncs");
    describe(&a, habit, "mine");
    server.state().restore(empty);
    server.change_epoch();
    b.sync(&server).await.expect("syncs");
    (server, a, habit)
}

#[tokio::test]
async fn edit_of_a_record_whose_create_is_sent_again_does_not_overwrite_it() {
    let (server, a, habit) = created_by_two().await;
    let report = a.sync(&server).await.expect("syncs");
    must_clash(&a, &server, habit, &report).await;
}

/// The create finds the record of the other device, and that answer is lost: its retry is a duplicate.
#[tokio::test]
async fn retry_of_a_create_does_not_claim_a_record_of_the_other_device() {
    let (server, a, habit) = created_by_two().await;
    server.fail([
        NetworkFault::None,
        NetworkFault::None,
        NetworkFault::LoseResponse,
    ]);
    a.sync(&server).await.expect_err("interrupted");
    describe(&a, habit, "mine again");
    let report = a.sync(&server).await.expect("syncs");
    must_clash(&a, &server, habit, &report).await;
}

/// The edit is made after the device has read the restored history, when its mirror has no record.
#[tokio::test]
async fn later_edit_of_a_created_record_does_not_overwrite_it() {
    for has_edit in [false, true] {
        let (server, a, b, habit) = edited_by_two(true, has_edit).await;
        b.sync(&server).await.expect("syncs");
        describe(&a, habit, "mine too");
        let report = a.sync(&server).await.expect("syncs");
        must_clash(&a, &server, habit, &report).await;
    }
}

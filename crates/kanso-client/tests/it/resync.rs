//! Resyncs that the server demands.

use kanso_client::domain::habits::Habit;
use kanso_client::protocol::sync::OperationStatus;
use kanso_client::{CallError, ResyncReason, SyncOptions};

use crate::support::{
    Device, FakeServer, NetworkFault, all_entries, live, on, signed_in, titled, titles,
};

/// A device that never read a deletion that the server has purged, and the remaining habit.
async fn out_of_date(server: &FakeServer) -> (Device, Habit) {
    let (device, other) = (signed_in(1, server).await, signed_in(2, server).await);
    let kept = device.create_habit(titled("kept")).expect("creates");
    let gone = device.create_habit(titled("gone")).expect("creates");
    for device in [&device, &other] {
        device.sync(server).await.expect("syncs");
    }
    other.delete_habit(gone.id).expect("deletes");
    other.sync(server).await.expect("syncs");
    server.state().purge();
    (device, kept)
}

#[tokio::test]
async fn expired_cursor_causes_a_resync_that_keeps_the_outbox() {
    let server = FakeServer::new();
    let (device, kept) = out_of_date(&server).await;
    device
        .create_entry(on(&kept, "2026-11-22"))
        .expect("creates");

    let report = device.sync(&server).await.expect("syncs");
    assert_eq!(report.resynced, Some(ResyncReason::CursorLost));
    assert_eq!((report.pushed, report.waiting, report.offered), (1, 0, 0));
    assert_eq!(
        titles(&device),
        ["kept"],
        "what the server has not is swept"
    );
    assert_eq!(all_entries(&device).len(), 1);
    let replica = live(device.server_records().expect("reads"));
    assert_eq!(replica, live(server.records()));
    let again = device.sync(&server).await.expect("syncs");
    assert_eq!(again.resynced, None);
}

#[tokio::test]
async fn waiting_deletion_is_sent_once_although_no_tombstone_is_delivered() {
    let server = FakeServer::new();
    let (device, kept) = out_of_date(&server).await;
    device.delete_habit(kept.id).expect("deletes");
    let own = device.create_habit(titled("never sent")).expect("creates");
    device
        .create_entry(on(&own, "2026-11-22"))
        .expect("creates");
    device.delete_habit(own.id).expect("deletes");

    let report = device.sync(&server).await.expect("syncs");
    assert_eq!(report.resynced, Some(ResyncReason::CursorLost));
    assert_eq!((report.pushed, report.waiting), (4, 0), "{report:?}");
    assert!(titles(&device).is_empty());
}

#[tokio::test]
async fn nothing_disappears_during_a_resync() {
    let server = FakeServer::new();
    let device = signed_in(1, &server).await;
    for number in 0..10 {
        device
            .create_habit(titled(&format!("habit {number}")))
            .expect("creates");
    }
    device.sync(&server).await.expect("syncs");
    let before = titles(&device);
    device
        .create_habit(titled("written meanwhile"))
        .expect("creates");
    server.change_epoch();
    server.state().page = 3;
    for _ in 0..2 {
        server.fail([
            NetworkFault::None,
            NetworkFault::None,
            NetworkFault::LoseResponse,
        ]);
        device
            .sync(&server)
            .await
            .expect_err("it is cut again and again");
        for title in &before {
            assert!(titles(&device).contains(title), "{title}");
        }
        assert_eq!(titles(&device).len(), 11);
    }
    device.sync(&server).await.expect("syncs");
    assert_eq!(titles(&device).len(), 11);
    let replica = live(device.server_records().expect("reads"));
    assert_eq!(replica, live(server.records()));
    assert_eq!(server.state().changes_applied, 11);
}

#[tokio::test]
async fn an_operation_that_a_restored_server_lost_is_sent_again() {
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
        .expect_err("cut after the first page");
    // Acknowledged but not delivered; now the server is restored from an earlier backup.
    server.change_epoch();
    {
        let mut state = server.state();
        state
            .habits
            .retain(|_, habit| habit.details.title.as_str() != "mine");
        state.receipts.clear();
    }
    device.sync(&server).await.expect("syncs");
    assert_eq!(titles(&device), ["a", "b", "c", "mine"]);
    let replica = live(device.server_records().expect("reads"));
    assert_eq!(replica, live(server.records()));
}

#[tokio::test]
async fn a_server_that_always_demands_a_resync_is_given_up() {
    let server = FakeServer::new();
    let device = signed_in(1, &server).await;
    device.create_habit(titled("Read")).expect("creates");
    server.fail([NetworkFault::Status(410, None); 9]);
    let interrupted = device.sync(&server).await.expect_err("it gives up");
    assert!(
        interrupted.to_string().contains("demanded a resync"),
        "{interrupted}"
    );
    assert_eq!(titles(&device), ["Read"]);
    server.state().faults.clear();
    assert_eq!(device.sync(&server).await.expect("syncs").pushed, 1);
}

#[tokio::test]
async fn a_resync_that_would_remove_many_records_asks_first() {
    let server = FakeServer::new();
    let (phone, desk) = (signed_in(1, &server).await, signed_in(2, &server).await);
    for number in 0..60 {
        let title = format!("habit {number}");
        desk.create_habit(titled(&title)).expect("creates");
    }
    for device in [&desk, &phone] {
        device.sync(&server).await.expect("syncs");
    }
    for shown in desk.habits().expect("reads").iter().skip(5) {
        desk.delete_habit(shown.record.id).expect("deletes");
    }
    desk.sync(&server).await.expect("syncs");
    server.state().purge();
    phone
        .create_habit(titled("written meanwhile"))
        .expect("creates");

    for _ in 0..2 {
        let interrupted = phone.sync(&server).await.expect_err("it asks");
        let CallError::ManyDeletions(many) = interrupted.cause else {
            panic!("{interrupted:?}");
        };
        assert_eq!((many.missing, many.present), (55, 60));
        assert_eq!(titles(&phone).len(), 61, "nothing is lost meanwhile");
    }
    let accepted = SyncOptions {
        accept_deletions: true,
        ..SyncOptions::default()
    };
    let report = phone.sync_with(&server, accepted, &|_| {}).await;
    assert_eq!(report.expect("syncs").pushed, 1);
    assert_eq!(titles(&phone).len(), 6);
    assert_eq!(
        live(phone.server_records().expect("reads")),
        live(server.records())
    );
}

#[tokio::test]
async fn a_device_that_was_offline_for_a_year_keeps_only_existing_records() {
    let server = FakeServer::new();
    let (phone, desk) = (signed_in(1, &server).await, signed_in(2, &server).await);
    let kept = desk.create_habit(titled("kept")).expect("creates");
    let gone = desk.create_habit(titled("gone")).expect("creates");
    for habit in [&kept, &gone] {
        desk.create_entry(on(habit, "2026-11-21")).expect("creates");
    }
    for device in [&desk, &phone] {
        device.sync(&server).await.expect("syncs");
    }
    // A year passes: many records are deleted and their tombstones purged, while the device edits.
    desk.delete_habit(gone.id).expect("deletes");
    desk.sync(&server).await.expect("syncs");
    server.state().purge();
    phone.clock.advance(365 * 24 * 60 * 60);
    phone
        .create_entry(on(&kept, "2026-11-22"))
        .expect("creates");
    phone
        .create_entry(on(&gone, "2026-11-22"))
        .expect("creates");
    phone
        .update_habit(gone.id, titled("still here"))
        .expect("updates");

    let report = phone.sync(&server).await.expect("syncs");
    assert_eq!(report.resynced, Some(ResyncReason::CursorLost));
    assert_eq!((report.pushed, report.offered, report.waiting), (1, 0, 0));
    let statuses: Vec<_> = report
        .failures
        .iter()
        .map(|failure| failure.result.status)
        .collect();
    assert_eq!(
        statuses,
        [OperationStatus::Gone; 2],
        "a person sees what came too late"
    );
    assert_eq!(titles(&phone), ["kept"]);
    assert_eq!(all_entries(&phone).len(), 2);
    let replica = live(phone.server_records().expect("reads"));
    assert_eq!(replica, live(server.records()));
}

//! A server that was restored twice, from backups of two different histories.

use crate::recovery::must_agree;
use crate::support::{FakeServer, signed_in, titled, titles};

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

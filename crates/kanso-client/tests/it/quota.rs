//! An account without room.

use kanso_client::domain::sync::Quota;

use crate::recovery::must_agree;
use crate::support::{FakeServer, on, signed_in, titled, titles};

#[tokio::test]
async fn habit_without_room_stays_here_and_is_sent_once_there_is_room() {
    let server = FakeServer::new();
    server.state().quota = live_habits(1);
    let device = signed_in(1, &server).await;
    let read = device.create_habit(titled("Read")).expect("creates");
    let run = device.create_habit(titled("Run")).expect("creates");
    device
        .create_entry(on(&run, "2026-11-21"))
        .expect("creates");
    device
        .create_entry(on(&read, "2026-11-21"))
        .expect("creates");

    for _ in 0..2 {
        let report = device.sync(&server).await.expect("syncs");
        assert!(report.failures.is_empty(), "{report:?}");
        // The entry of the habit waits for it.
        assert_eq!(
            (report.over_quota.len(), report.waiting),
            (1, 2),
            "{report:?}"
        );
        assert_eq!(report.over_quota[0].id, run.id.uuid());
        assert_eq!(titles(&device), ["Read", "Run"]);
    }

    server.state().quota = live_habits(2);
    let report = device.sync(&server).await.expect("syncs");
    assert_eq!(
        (report.over_quota.len(), report.waiting),
        (0, 0),
        "{report:?}"
    );
    must_agree(&device, &server);
}

#[tokio::test]
async fn deletion_later_in_the_outbox_makes_room() {
    let server = FakeServer::new();
    server.state().quota = live_habits(1);
    let device = signed_in(1, &server).await;
    let read = device.create_habit(titled("Read")).expect("creates");
    device.sync(&server).await.expect("syncs");
    device.create_habit(titled("Run")).expect("creates");
    device.delete_habit(read.id).expect("deletes");
    let report = device.sync(&server).await.expect("syncs");
    assert_eq!(
        (report.over_quota.len(), report.waiting),
        (0, 0),
        "{report:?}"
    );
    assert_eq!(titles(&device), ["Run"]);
    must_agree(&device, &server);
}

const fn live_habits(live_habits: u32) -> Quota {
    Quota {
        live_habits,
        ..Quota::UNLIMITED
    }
}

//! Two devices and a server.

use kanso_client::Progress;
use kanso_client::protocol::Patch;
use kanso_client::protocol::entries::EntryMembers;
use kanso_client::protocol::habits::HabitMembers;
use kanso_client::protocol::sync::OperationStatus;
use std::sync::Mutex;

use crate::support::{FakeServer, all_entries, live, on, signed_in, titled, titles};

#[tokio::test]
async fn two_devices_keep_the_same_habits_and_entries() {
    let server = FakeServer::new();
    let (a, b) = (signed_in(1, &server).await, signed_in(2, &server).await);
    let read = a.create_habit(titled("Read")).expect("creates");
    let entry = a.create_entry(on(&read, "2026-11-21")).expect("creates");
    b.create_habit(titled("Run")).expect("creates");
    for device in [&a, &b, &a] {
        device.sync(&server).await.expect("syncs");
    }
    a.delete_entry(entry.id).expect("deletes");
    b.update_habit(read.id, titled("Read a page"))
        .expect("updates");
    for device in [&a, &b, &a] {
        device.sync(&server).await.expect("syncs");
    }
    assert_eq!(titles(&a), ["Read a page", "Run"]);
    assert_eq!(titles(&b), titles(&a));
    assert!(all_entries(&a).is_empty() && all_entries(&b).is_empty());
    let replica = live(a.server_records().expect("reads"));
    assert_eq!(replica, live(b.server_records().expect("reads")));
    assert_eq!(replica, live(server.records()));
}

#[tokio::test]
async fn records_made_before_the_first_login_become_the_accounts() {
    let server = FakeServer::new();
    let device = crate::support::device(1);
    device.create_habit(titled("Read")).expect("creates");
    device
        .login(&server, crate::support::EMAIL, crate::support::PASSWORD)
        .await
        .expect("logs in");
    assert_eq!(device.sync(&server).await.expect("syncs").pushed, 1);
}

#[tokio::test]
async fn a_conflict_has_both_sides_and_the_servers_record_stays() {
    let server = FakeServer::new();
    let (a, b) = (signed_in(1, &server).await, signed_in(2, &server).await);
    let habit = a.create_habit(titled("Read")).expect("creates");
    for device in [&a, &b] {
        device.sync(&server).await.expect("syncs");
    }
    a.update_habit(habit.id, titled("Read in bed"))
        .expect("updates");
    b.update_habit(habit.id, titled("Read outside"))
        .expect("updates");
    a.sync(&server).await.expect("syncs");
    let report = b.sync(&server).await.expect("a conflict is no error");

    let [failure] = report.failures.as_slice() else {
        panic!("one conflict: {report:?}");
    };
    assert_eq!(failure.result.status, OperationStatus::Conflict);
    assert_eq!(failure.clashing(), ["title"]);
    let mine = failure.operation.fields.as_ref().expect("it had members");
    assert_eq!(mine["title"], "Read outside");
    let theirs = failure.server_record().expect("it has one");
    assert_eq!(theirs["title"], "Read in bed");
    assert_eq!(titles(&b), ["Read in bed"]);
    assert_eq!(b.failures().expect("reads"), report.failures);
    assert_eq!(b.status().expect("reads").failures, 1);
}

#[tokio::test]
async fn another_devices_change_shows_beside_an_edit_that_waits() {
    let server = FakeServer::new();
    let (a, b) = (signed_in(1, &server).await, signed_in(2, &server).await);
    let habit = a.create_habit(titled("Read")).expect("creates");
    for device in [&a, &b] {
        device.sync(&server).await.expect("syncs");
    }
    let colored = HabitMembers {
        color: Patch::Value("#112233".to_owned()),
        ..HabitMembers::default()
    };
    a.update_habit(habit.id, colored).expect("updates");
    a.sync(&server).await.expect("syncs");
    // The edit is made during the pull, so it is not in the pushed batch.
    let during = Mutex::new(Some(titled("Read outside")));
    let watch = |_: Progress| {
        if let Some(members) = during.lock().expect("no panic").take() {
            b.update_habit(habit.id, members).expect("updates");
        }
    };
    b.sync_with(&server, kanso_client::SyncOptions::default(), &watch)
        .await
        .expect("syncs");
    let shown = b.habit(habit.id).expect("reads").expect("is there");
    assert_eq!(shown.record.details.title.as_str(), "Read outside");
    assert_eq!(shown.record.details.color.as_str(), "#112233");
    assert!(shown.is_pending);
    let report = b.sync(&server).await.expect("syncs");
    assert_eq!((report.pushed, report.failures.len()), (1, 0));
}

#[tokio::test]
async fn an_edit_of_what_was_deleted_elsewhere_is_reported() {
    let server = FakeServer::new();
    let (a, b) = (signed_in(1, &server).await, signed_in(2, &server).await);
    let habit = a.create_habit(titled("Read")).expect("creates");
    let entry = a.create_entry(on(&habit, "2026-11-21")).expect("creates");
    for device in [&a, &b] {
        device.sync(&server).await.expect("syncs");
    }
    a.delete_habit(habit.id).expect("deletes");
    a.sync(&server).await.expect("syncs");
    let noted = EntryMembers {
        notes: Patch::Value("still here".to_owned()),
        ..EntryMembers::default()
    };
    b.update_entry(entry.id, noted).expect("updates");
    b.create_entry(on(&habit, "2026-11-22")).expect("creates");
    let report = b.sync(&server).await.expect("syncs");
    let statuses: Vec<_> = report
        .failures
        .iter()
        .map(|failure| failure.result.status)
        .collect();
    assert_eq!(statuses, [OperationStatus::Gone, OperationStatus::Gone]);
    assert!(titles(&b).is_empty() && all_entries(&b).is_empty());
    assert_eq!(report.waiting, 0);
}

#[tokio::test]
async fn a_new_device_reads_a_long_history_page_by_page() {
    let server = FakeServer::new();
    let a = signed_in(1, &server).await;
    let habit = a.create_habit(titled("Read")).expect("creates");
    for day in 1..=30 {
        let date = format!("2026-10-{day:02}");
        a.create_entry(on(&habit, &date)).expect("creates");
    }
    // The habit is the last record of the history, behind all its entries.
    a.sync(&server).await.expect("syncs");
    a.update_habit(habit.id, titled("Read more"))
        .expect("updates");
    a.sync(&server).await.expect("syncs");
    server.state().page = 7;
    let b = signed_in(2, &server).await;
    let seen = Mutex::new(Vec::new());
    let watch = |progress: Progress| seen.lock().expect("no panic").push(progress.remaining);
    let report = b
        .sync_with(&server, kanso_client::SyncOptions::default(), &watch)
        .await
        .expect("syncs");
    assert_eq!(report.pulled, 31);
    assert_eq!(*seen.lock().expect("no panic"), [24, 17, 10, 3, 0]);
    assert_eq!(all_entries(&b).len(), 30);
}

/// The pages of a long pull are applied together. An edit that is made meanwhile is sent with the cursor
/// of what the device has seen when it was made.
#[tokio::test]
async fn an_edit_between_pages_is_sent_after_they_are_applied() {
    let server = FakeServer::new();
    let a = signed_in(1, &server).await;
    for number in 1..=6 {
        let title = titled(&format!("Habit {number}"));
        a.create_habit(title).expect("creates");
    }
    a.sync(&server).await.expect("syncs");
    server.state().page = 2;
    let b = signed_in(2, &server).await;
    let applied = Mutex::new(Vec::new());
    let watch = |_: Progress| {
        let records = b.server_records().expect("reads").len();
        let mut applied = applied.lock().expect("no panic");
        if applied.is_empty() {
            b.create_habit(titled("Mine")).expect("creates");
        }
        applied.push(records);
    };
    let options = kanso_client::SyncOptions::default();
    b.sync_with(&server, options, &watch).await.expect("syncs");
    // The first page waits for the second one. The push is applied with its own page at once.
    assert_eq!(*applied.lock().expect("no panic"), [0, 4, 4, 7]);
    let pushes = &server.state().pushes;
    let mine = pushes.iter().rfind(|push| !push.operations.is_empty());
    assert!(mine.expect("it was sent").cursor.is_some());
    assert_eq!(titles(&b).len(), 7);
}

/// The server may have erased the texts of an old tombstone, so a device sends those that it has.
#[tokio::test]
async fn a_habit_that_is_brought_back_has_its_texts() {
    let server = FakeServer::new();
    let a = signed_in(1, &server).await;
    let described = HabitMembers {
        description: Patch::Value("A chapter".to_owned()),
        ..titled("Read")
    };
    let habit = a.create_habit(described).expect("creates");
    a.sync(&server).await.expect("syncs");
    a.delete_habit(habit.id).expect("deletes");
    a.sync(&server).await.expect("syncs");
    a.revive_habit(habit.id).expect("revives");
    a.sync(&server).await.expect("syncs");
    let state = server.state();
    let mut sent = state.pushes.iter().flat_map(|push| &push.operations);
    let revival = sent.rfind(|operation| operation.revive);
    let fields = revival.and_then(|operation| operation.fields.as_ref());
    let fields = fields.expect("it was sent");
    assert_eq!(fields["title"], "Read");
    assert_eq!(fields["description"], "A chapter");
}

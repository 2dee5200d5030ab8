//! Giving records back to a server that was restored from a backup.

use kanso_client::ResyncReason;
use kanso_client::domain::HabitId;
use kanso_client::protocol::Patch;
use kanso_client::protocol::entries::EntryMembers;
use kanso_client::protocol::habits::{FrequencyType, HabitMembers};

use crate::support::{
    Device, FakeServer, NetworkFault, all_entries, live, on, signed_in, titled, titles,
};

fn colored(color: &str) -> HabitMembers {
    HabitMembers {
        color: Patch::Value(color.to_owned()),
        ..HabitMembers::default()
    }
}

fn noted(notes: &str) -> EntryMembers {
    EntryMembers {
        notes: Patch::Value(notes.to_owned()),
        ..EntryMembers::default()
    }
}

pub(crate) fn must_agree(device: &Device, server: &FakeServer) {
    let replica = live(device.server_records().expect("reads"));
    assert_eq!(replica, live(server.records()));
    let status = device.status().expect("reads");
    assert_eq!((status.waiting, status.failures), (0, 0));
}

/// Two devices, and the server's records before and after a backup.
struct Story {
    server: FakeServer,
    a: Device,
    b: Device,
}

/// After the backup, A creates a habit with an entry and edits the old habit, and B reads both. Then
/// the database is restored from the backup.
async fn restored(with_new_epoch: bool) -> Story {
    let server = FakeServer::new();
    let (a, b) = (signed_in(1, &server).await, signed_in(2, &server).await);
    let old = a.create_habit(titled("Read")).expect("creates");
    for device in [&a, &b] {
        device.sync(&server).await.expect("syncs");
    }
    let copy = server.state().backup();
    a.update_habit(old.id, titled("Read more"))
        .expect("updates");
    a.update_habit(old.id, colored("#112233")).expect("updates");
    let new = a.create_habit(titled("Run")).expect("creates");
    let entry = a.create_entry(on(&new, "2026-11-21")).expect("creates");
    a.update_entry(entry.id, noted("far")).expect("updates");
    for device in [&a, &b] {
        device.sync(&server).await.expect("syncs");
    }
    server.state().restore(copy);
    if with_new_epoch {
        server.change_epoch();
    }
    Story { server, a, b }
}

#[tokio::test]
async fn records_that_a_restored_server_lost_are_given_back() {
    for with_new_epoch in [false, true] {
        let Story { server, a, b } = restored(with_new_epoch).await;
        let report = a.sync(&server).await.expect("syncs");
        assert_eq!(report.resynced, Some(ResyncReason::HistoryLost));
        assert_eq!((report.offered, report.pushed), (3, 3), "{report:?}");
        b.sync(&server).await.expect("syncs");
        a.sync(&server).await.expect("syncs");
        for device in [&a, &b] {
            assert_eq!(titles(device), ["Read more", "Run"]);
            assert_eq!(all_entries(device)[0].details.notes.as_str(), "far");
            must_agree(device, &server);
        }
        let habits = a.habits().expect("reads");
        let mut colors = habits
            .iter()
            .map(|shown| shown.record.details.color.as_str());
        assert!(colors.any(|color| color == "#112233"));
    }
}

#[tokio::test]
async fn waiting_edits_build_on_the_given_back_records() {
    let Story { server, a, b } = restored(false).await;
    for device in [&a, &b] {
        let entry = all_entries(device)[0].id;
        let habits = device.habits().expect("reads");
        let run = habits
            .iter()
            .find(|shown| shown.record.details.title.as_str() == "Run");
        let run = run.expect("is there").record.clone();
        device
            .create_entry(on(&run, "2026-11-22"))
            .expect("creates");
        if device.status().expect("reads").device_id == a.status().expect("reads").device_id {
            a.update_entry(entry, noted("further")).expect("updates");
            a.update_entry(
                entry,
                EntryMembers {
                    value: Patch::Value(3.0),
                    ..noted("furthest")
                },
            )
            .expect("updates");
        } else {
            b.update_habit(run.id, colored("#445566")).expect("updates");
        }
    }
    for device in [&a, &b, &a] {
        let report = device.sync(&server).await.expect("syncs");
        assert!(report.failures.is_empty(), "{report:?}");
    }
    for device in [&a, &b] {
        must_agree(device, &server);
        let entries = all_entries(device);
        assert_eq!(entries.len(), 3);
        assert!(
            entries
                .iter()
                .any(|entry| entry.details.notes.as_str() == "furthest")
        );
        let habits = device.habits().expect("reads");
        let mut colors = habits
            .iter()
            .map(|shown| shown.record.details.color.as_str());
        assert!(colors.any(|color| color == "#445566"));
    }
}

#[tokio::test]
async fn giving_back_a_record_deleted_elsewhere_is_dropped() {
    let Story { server, a, b } = restored(true).await;
    a.sync(&server).await.expect("syncs");
    for shown in a.habits().expect("reads") {
        a.delete_habit(shown.record.id).expect("deletes");
    }
    a.sync(&server).await.expect("syncs");
    let report = b.sync(&server).await.expect("syncs");
    assert_eq!(report.resynced, Some(ResyncReason::HistoryLost));
    assert!(report.failures.is_empty(), "{report:?}");
    assert!(titles(&b).is_empty() && all_entries(&b).is_empty());
    let status = b.status().expect("reads");
    assert_eq!((status.waiting, status.failures), (0, 0));
}

#[tokio::test]
async fn an_interrupted_recovery_continues() {
    for cut in 0..8 {
        for fault in [NetworkFault::LoseRequest, NetworkFault::LoseResponse] {
            let Story { server, a, b } = restored(true).await;
            server.state().page = 1;
            server.fail(vec![NetworkFault::None; cut]);
            server.fail([fault]);
            // A cut after the last request has no effect.
            drop(a.sync(&server).await);
            server.state().faults.clear();
            for device in [&a, &b, &a] {
                device.sync(&server).await.expect("syncs");
            }
            for device in [&a, &b] {
                assert_eq!(titles(device), ["Read more", "Run"], "cut at {cut}");
                must_agree(device, &server);
            }
        }
    }
}

#[tokio::test]
async fn the_digest_reveals_a_loss_that_no_cursor_shows() {
    let Story { server, a, b } = restored(false).await;
    // The server's head passes the cursors of both devices before either of them syncs.
    let other = signed_in(3, &server).await;
    for number in 0..20 {
        let title = format!("habit {number}");
        other.create_habit(titled(&title)).expect("creates");
    }
    other.sync(&server).await.expect("syncs");
    let report = a.sync(&server).await.expect("syncs");
    assert_eq!(report.resynced, None);
    assert!(report.offered > 0, "{report:?}");
    for device in [&b, &a] {
        device.sync(&server).await.expect("syncs");
    }
    for device in [&a, &b] {
        assert!(titles(device).contains(&"Run".to_owned()));
        assert!(titles(device).contains(&"Read more".to_owned()));
        assert_eq!(titles(device).len(), 22);
        must_agree(device, &server);
    }
}

#[tokio::test]
async fn edits_of_two_devices_merge_after_a_restore() {
    let server = FakeServer::new();
    let (a, b) = (signed_in(1, &server).await, signed_in(2, &server).await);
    let habit = a.create_habit(titled("Read")).expect("creates");
    for device in [&a, &b] {
        device.sync(&server).await.expect("syncs");
    }
    let copy = server.state().backup();
    a.update_habit(habit.id, titled("Read more"))
        .expect("updates");
    for device in [&a, &b] {
        device.sync(&server).await.expect("syncs");
    }
    b.update_habit(habit.id, colored("#112233"))
        .expect("updates");
    b.sync(&server).await.expect("syncs");
    server.state().restore(copy);
    server.state().head.changed_at = "2026-11-23T00:00:00Z".parse().expect("an instant");
    server.change_epoch();
    for device in [&a, &b, &a] {
        let report = device.sync(&server).await.expect("syncs");
        assert!(report.failures.is_empty(), "{report:?}");
    }
    for device in [&a, &b] {
        let habit = device.habit(habit.id).expect("reads").expect("is there");
        let details = habit.record.details;
        assert_eq!(details.title.as_str(), "Read more");
        assert_eq!(details.color.as_str(), "#112233");
        must_agree(device, &server);
    }
}

#[tokio::test]
async fn records_given_back_in_two_states_become_a_conflict() {
    let server = FakeServer::new();
    let (a, b) = (signed_in(1, &server).await, signed_in(2, &server).await);
    let habit = a.create_habit(titled("Read")).expect("creates");
    a.sync(&server).await.expect("syncs");
    let copy = server.state().backup();
    a.update_habit(habit.id, titled("one")).expect("updates");
    a.update_habit(habit.id, titled("two")).expect("updates");
    for device in [&a, &b] {
        device.sync(&server).await.expect("syncs");
    }
    a.update_habit(habit.id, titled("three")).expect("updates");
    a.sync(&server).await.expect("syncs");
    // Time passes, so later edits have later instants.
    server.state().restore(copy);
    server.state().head.changed_at = "2026-11-23T00:00:00Z".parse().expect("an instant");
    server.change_epoch();
    a.sync(&server).await.expect("syncs");
    let report = b.sync(&server).await.expect("syncs");
    assert_eq!(
        titles(&a),
        ["three"],
        "an older state is not written over a newer"
    );
    assert_eq!(report.failures.len(), 1, "{report:?}");
    assert_eq!(report.failures[0].clashing(), ["title"]);
}

#[tokio::test]
async fn a_given_back_schedule_keeps_its_first_day() {
    let server = FakeServer::new();
    let device = signed_in(1, &server).await;
    let habit = device.create_habit(titled("Read")).expect("creates");
    device.sync(&server).await.expect("syncs");
    let copy = server.state().backup();
    let weekly = HabitMembers {
        frequency_type: Patch::Value(FrequencyType::Weekly),
        times_per_week: Patch::Value(3),
        effective_from: Patch::Value("2026-12-01".to_owned()),
        ..HabitMembers::default()
    };
    device.update_habit(habit.id, weekly).expect("updates");
    device.sync(&server).await.expect("syncs");
    let edited = server.state().habits[&habit.id].details.clone();
    server.state().restore(copy);
    assert_ne!(server.state().habits[&habit.id].details, edited);
    let report = device.sync(&server).await.expect("syncs");
    assert!(report.failures.is_empty(), "{report:?}");
    assert_eq!(server.state().habits[&habit.id].details, edited);
    must_agree(&device, &server);
}

/// A has edited the title, and the server was restored to before that. Then B has written the same
/// habit in the new history before A came back.
pub(crate) struct OvertakenEdit {
    pub(crate) server: FakeServer,
    pub(crate) a: Device,
    pub(crate) b: Device,
    pub(crate) habit: HabitId,
}

pub(crate) async fn overtaken(
    edits_of_a: &[HabitMembers],
    edits_of_b: &[HabitMembers],
) -> OvertakenEdit {
    let server = FakeServer::new();
    let (a, b) = (signed_in(1, &server).await, signed_in(2, &server).await);
    let habit = a.create_habit(titled("Read")).expect("creates").id;
    for device in [&a, &b] {
        device.sync(&server).await.expect("syncs");
    }
    let copy = server.state().backup();
    for edit in edits_of_a {
        a.update_habit(habit, edit.clone()).expect("updates");
        a.sync(&server).await.expect("syncs");
    }
    server.state().restore(copy);
    server.change_epoch();
    for edit in edits_of_b {
        b.sync(&server).await.expect("syncs");
        b.update_habit(habit, edit.clone()).expect("updates");
        b.sync(&server).await.expect("syncs");
    }
    OvertakenEdit {
        server,
        a,
        b,
        habit,
    }
}

impl OvertakenEdit {
    fn title_and_color(&self, device: &Device) -> (String, String) {
        let habit = device.habit(self.habit).expect("reads").expect("is there");
        let details = habit.record.details;
        (
            details.title.as_str().to_owned(),
            details.color.as_str().to_owned(),
        )
    }
}

#[tokio::test]
async fn lost_edit_merges_with_later_edits_of_other_members() {
    for edits_of_b in 1..=4 {
        let colors = ["#000001", "#000002", "#000003", "#000004"];
        let edits: Vec<_> = colors[..edits_of_b]
            .iter()
            .map(|color| colored(color))
            .collect();
        let edits_of_a = [titled("Read on"), titled("Read more")];
        let story = overtaken(&edits_of_a, &edits).await;
        let report = story.a.sync(&story.server).await.expect("syncs");
        assert_eq!(report.resynced, Some(ResyncReason::HistoryLost));
        assert!(report.failures.is_empty(), "{report:?}");
        story.b.sync(&story.server).await.expect("syncs");
        for device in [&story.a, &story.b] {
            let expected = ("Read more".to_owned(), colors[edits_of_b - 1].to_owned());
            assert_eq!(story.title_and_color(device), expected);
            must_agree(device, &story.server);
        }
    }
}

#[tokio::test]
async fn lost_edit_of_a_member_that_was_edited_since_is_a_conflict() {
    for edits_of_b in 1..=3 {
        let titles = ["one of B", "two of B", "three of B"];
        let edits: Vec<_> = titles[..edits_of_b]
            .iter()
            .map(|title| titled(title))
            .collect();
        let story = overtaken(&[titled("Read more")], &edits).await;
        let report = story.a.sync(&story.server).await.expect("syncs");
        assert_eq!(report.failures.len(), 1, "{report:?}");
        assert_eq!(report.failures[0].clashing(), ["title"]);
        assert_eq!(
            story.title_and_color(&story.a).0,
            titles[edits_of_b - 1],
            "the stored one stays until the user decides"
        );
    }
}

#[tokio::test]
async fn waiting_edit_does_not_overwrite_an_edit_that_it_has_not_seen() {
    for lost in [vec![titled("Read more")], Vec::new()] {
        let server = FakeServer::new();
        let (a, b) = (signed_in(1, &server).await, signed_in(2, &server).await);
        let habit = a.create_habit(titled("Read")).expect("creates").id;
        for device in [&a, &b] {
            device.sync(&server).await.expect("syncs");
        }
        let copy = server.state().backup();
        for edit in lost {
            a.update_habit(habit, edit).expect("updates");
            a.sync(&server).await.expect("syncs");
        }
        a.update_habit(habit, colored("#aaaaaa")).expect("updates");
        a.update_habit(habit, titled("offline")).expect("updates");
        server.state().restore(copy);
        server.change_epoch();
        b.sync(&server).await.expect("syncs");
        b.update_habit(habit, titled("of B")).expect("updates");
        b.sync(&server).await.expect("syncs");

        let report = a.sync(&server).await.expect("syncs");
        let clashes: Vec<_> = report
            .failures
            .iter()
            .map(kanso_client::Failure::clashing)
            .collect();
        assert!(clashes.iter().all(|it| *it == ["title"]), "{report:?}");
        let texts = format!("{:?}", report.failures);
        assert!(texts.contains("offline"), "{texts}");
        let stored = server.state().habits[&habit].details.clone();
        assert_eq!(stored.title.as_str(), "of B");
        assert_eq!(stored.color.as_str(), "#aaaaaa", "no other edit of it");
    }
}

#[tokio::test]
async fn lost_edit_of_a_record_that_another_device_gave_back_is_a_conflict() {
    let server = FakeServer::new();
    let (a, b) = (signed_in(1, &server).await, signed_in(2, &server).await);
    let copy = server.state().backup();
    let habit = a.create_habit(titled("Read")).expect("creates").id;
    for device in [&a, &b] {
        device.sync(&server).await.expect("syncs");
    }
    a.update_habit(habit, titled("Read more")).expect("updates");
    a.sync(&server).await.expect("syncs");
    server.state().restore(copy);
    server.state().head.changed_at = "2026-11-23T00:00:00Z".parse().expect("an instant");
    server.change_epoch();
    // B gives the habit back in the state that it has read, and edits it.
    b.sync(&server).await.expect("syncs");
    b.update_habit(habit, titled("of B")).expect("updates");
    b.sync(&server).await.expect("syncs");

    let report = a.sync(&server).await.expect("syncs");
    assert_eq!(report.failures.len(), 1, "{report:?}");
    assert_eq!(report.failures[0].clashing(), ["title"]);
    assert_eq!(titles(&b), ["of B"]);
}

#[tokio::test]
async fn record_that_was_not_edited_after_the_backup_is_not_offered() {
    let story = overtaken(&[], &[titled("of B")]).await;
    let report = story.a.sync(&story.server).await.expect("syncs");
    assert_eq!(report.resynced, Some(ResyncReason::HistoryLost));
    assert_eq!((report.offered, report.pushed), (0, 0), "{report:?}");
    assert_eq!(titles(&story.a), ["of B"]);
}

#[tokio::test]
async fn server_that_does_not_report_its_start_gets_newer_versions_back() {
    let Story { server, a, b } = restored(true).await;
    server.state().reports_start = false;
    for device in [&a, &b, &a] {
        let report = device.sync(&server).await.expect("syncs");
        assert!(report.failures.is_empty(), "{report:?}");
    }
    for device in [&a, &b] {
        assert_eq!(titles(device), ["Read more", "Run"]);
        must_agree(device, &server);
    }
}

/// The restored copy has a change that the device had not read. Only the edit that waits makes the
/// client compare the record at all.
#[tokio::test]
async fn a_change_that_the_device_had_not_read_is_not_undone() {
    let server = FakeServer::new();
    let (a, b) = (signed_in(1, &server).await, signed_in(2, &server).await);
    let habit = a.create_habit(titled("Read")).expect("creates").id;
    for device in [&a, &b] {
        device.sync(&server).await.expect("syncs");
    }
    a.update_habit(habit, titled("Read more")).expect("updates");
    a.sync(&server).await.expect("syncs");
    b.update_habit(habit, colored("#aaaaaa")).expect("updates");
    let copy = server.state().backup();
    server.state().restore(copy);
    server.change_epoch();

    let report = b.sync(&server).await.expect("syncs");
    assert_eq!(
        (report.offered, report.failures.len()),
        (0, 0),
        "{report:?}"
    );
    a.sync(&server).await.expect("syncs");
    for device in [&a, &b] {
        let shown = device.habit(habit).expect("reads").expect("is there");
        let details = &shown.record.details;
        assert_eq!(details.title.as_str(), "Read more");
        assert_eq!(details.color.as_str(), "#aaaaaa");
    }
}

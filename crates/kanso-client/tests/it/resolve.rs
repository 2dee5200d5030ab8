//! Decisions of the user on conflicts.

use kanso_client::protocol::Patch;
use kanso_client::protocol::entries::EntryMembers;
use kanso_client::protocol::habits::HabitMembers;
use kanso_client::protocol::sync::EntityName;
use kanso_client::{Failure, ResolveError};

use crate::support::{Device, FakeServer, all_entries, on, signed_in, titled, titles};

/// A device whose new title clashed with another device's.
async fn after_a_conflict(server: &FakeServer) -> (Device, i64) {
    let (a, b) = (signed_in(1, server).await, signed_in(2, server).await);
    let habit = a.create_habit(titled("Read")).expect("creates");
    for device in [&a, &b] {
        device.sync(server).await.expect("syncs");
    }
    a.update_habit(habit.id, titled("theirs")).expect("updates");
    b.update_habit(habit.id, titled("mine")).expect("updates");
    a.sync(server).await.expect("syncs");
    let report = b.sync(server).await.expect("syncs");
    (b, report.failures[0].id)
}

#[tokio::test]
async fn take_theirs_keeps_the_servers_record() {
    let server = FakeServer::new();
    let (device, failure) = after_a_conflict(&server).await;
    device.take_theirs(failure).expect("resolves");
    assert_eq!(titles(&device), ["theirs"]);
    assert!(device.failures().expect("reads").is_empty());
    assert_eq!(device.sync(&server).await.expect("syncs").pushed, 0);
    let again = device.take_theirs(failure);
    assert!(matches!(again, Err(ResolveError::NoSuchFailure)));
}

#[tokio::test]
async fn keep_mine_overwrites_the_servers_record() {
    let server = FakeServer::new();
    let (device, failure) = after_a_conflict(&server).await;
    device.keep_mine(failure).expect("resolves");
    assert_eq!(titles(&device), ["mine"]);
    let report = device.sync(&server).await.expect("syncs");
    assert_eq!((report.pushed, report.failures.len()), (1, 0));
    let other = signed_in(3, &server).await;
    other.sync(&server).await.expect("syncs");
    assert_eq!(titles(&other), ["mine"]);
}

/// The first of two edits clashes. The second builds on the delivered version, not on the version
/// that another device made in the meantime, so it does not overwrite unseen members.
#[tokio::test]
async fn an_edit_after_a_conflict_overwrites_nothing_unseen() {
    let color = |color: &str| HabitMembers {
        color: Patch::Value(color.to_owned()),
        ..HabitMembers::default()
    };
    let server = FakeServer::new();
    let (a, b) = (signed_in(1, &server).await, signed_in(2, &server).await);
    let habit = a.create_habit(titled("Read")).expect("creates");
    for device in [&a, &b] {
        device.sync(&server).await.expect("syncs");
    }
    let theirs = HabitMembers {
        title: Patch::Value("theirs".to_owned()),
        ..color("#111111")
    };
    a.update_habit(habit.id, theirs).expect("updates");
    b.update_habit(habit.id, titled("mine")).expect("updates");
    b.update_habit(habit.id, color("#222222")).expect("updates");
    a.sync(&server).await.expect("syncs");
    let report = b.sync(&server).await.expect("syncs");
    let clashing: Vec<_> = report.failures.iter().map(Failure::clashing).collect();
    assert_eq!(clashing, [["title"], ["color"]]);
    let shown = b.habit(habit.id).expect("reads").expect("there").record;
    assert_eq!(shown.details.color.as_str(), "#111111");
}

#[tokio::test]
async fn merge_writes_members_that_only_this_device_changed() {
    let server = FakeServer::new();
    let (a, b) = (signed_in(1, &server).await, signed_in(2, &server).await);
    let habit = a.create_habit(titled("Read")).expect("creates");
    for device in [&a, &b] {
        device.sync(&server).await.expect("syncs");
    }
    a.update_habit(habit.id, titled("theirs")).expect("updates");
    let mine = HabitMembers {
        color: Patch::Value("#112233".to_owned()),
        ..titled("mine")
    };
    b.update_habit(habit.id, mine).expect("updates");
    a.sync(&server).await.expect("syncs");
    let report = b.sync(&server).await.expect("syncs");
    let [failure] = report.failures.as_slice() else {
        panic!("one conflict: {report:?}");
    };
    assert_eq!(failure.clashing(), ["title"]);
    assert_eq!(failure.mergeable(), ["color"]);
    assert!(failure.changed_at().is_some());
    b.merge(failure.id).expect("resolves");
    assert_eq!(b.sync(&server).await.expect("syncs").pushed, 1);
    let stored = server.state().habits[&habit.id].details.clone();
    assert_eq!(
        (stored.title.as_str(), stored.color.as_str()),
        ("theirs", "#112233")
    );
}

#[tokio::test]
async fn merge_fails_if_every_member_clashes() {
    let server = FakeServer::new();
    let (device, failure) = after_a_conflict(&server).await;
    let merged = device.merge(failure);
    assert!(
        matches!(merged, Err(ResolveError::NothingToMerge)),
        "{merged:?}"
    );
    assert_eq!(device.failures().expect("reads").len(), 1);
}

#[tokio::test]
async fn keep_mine_fails_for_a_deleted_record() {
    let server = FakeServer::new();
    let (a, b) = (signed_in(1, &server).await, signed_in(2, &server).await);
    let habit = a.create_habit(titled("Read")).expect("creates");
    let entry = a.create_entry(on(&habit, "2026-11-22")).expect("creates");
    for device in [&a, &b] {
        device.sync(&server).await.expect("syncs");
    }
    a.delete_entry(entry.id).expect("deletes");
    a.sync(&server).await.expect("syncs");
    let noted = EntryMembers {
        notes: Patch::Value("mine".to_owned()),
        ..EntryMembers::default()
    };
    b.update_entry(entry.id, noted).expect("updates");
    let report = b.sync(&server).await.expect("syncs");
    let kept = b.keep_mine(report.failures[0].id);
    assert!(matches!(kept, Err(ResolveError::Deleted)), "{kept:?}");
    assert_eq!(
        b.failures().expect("reads").len(),
        1,
        "it stays until decided"
    );
    assert!(all_entries(&b).is_empty());
}

/// The entry was rejected with the rest of its group. A server restored to before the habit does not
/// know that it was deleted, and would defer the entry for ever.
#[tokio::test]
async fn keep_mine_fails_for_an_entry_without_its_habit() {
    let server = FakeServer::new();
    let (a, b) = (signed_in(1, &server).await, signed_in(2, &server).await);
    let habit = a.create_habit(titled("Read")).expect("creates");
    for device in [&a, &b] {
        device.sync(&server).await.expect("syncs");
    }
    a.delete_habit(habit.id).expect("deletes");
    a.sync(&server).await.expect("syncs");
    b.group(|edits| {
        edits.update_habit(habit.id, titled("mine"))?;
        edits.create_entry(on(&habit, "2026-11-22"))
    })
    .expect("writes");
    let report = b.sync(&server).await.expect("syncs");
    let of_entry = |failure: &&Failure| failure.operation.entity == EntityName::Entry;
    let entry = report.failures.iter().find(of_entry).expect("refused");
    let kept = b.keep_mine(entry.id);
    assert!(matches!(kept, Err(ResolveError::Deleted)), "{kept:?}");
    assert_eq!(b.status().expect("reads").waiting, 0);
}

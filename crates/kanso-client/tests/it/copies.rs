//! The device id of a copied replica, and the versions that a device names as its own.

use std::fs;

use kanso_client::Client;

use crate::support::{Device, EMAIL, FakeServer, PASSWORD, parts, signed_in, titled, titles};

fn device_id(client: &Client) -> uuid::Uuid {
    client.status().expect("reads").device_id
}

#[test]
fn a_copied_replica_draws_a_new_device_id_once() {
    let (one, two) = (tempfile::tempdir(), tempfile::tempdir());
    let (one, two) = (one.expect("a folder"), two.expect("a folder"));
    let original = Client::open(one.path()).expect("opens");
    let id = device_id(&original);
    drop(original);
    fs::copy(one.path().join("replica.db"), two.path().join("replica.db")).expect("copies");
    let copied = device_id(&Client::open(two.path()).expect("opens"));
    assert_ne!(copied, id);
    assert_eq!(device_id(&Client::open(two.path()).expect("opens")), copied);
    assert_eq!(device_id(&Client::open(one.path()).expect("opens")), id);
}

#[tokio::test]
async fn waiting_operations_keep_the_device_id_under_which_they_were_made() {
    let server = FakeServer::new();
    let (one, two) = (tempfile::tempdir(), tempfile::tempdir());
    let (one, two) = (one.expect("a folder"), two.expect("a folder"));
    let open = |folder: &tempfile::TempDir, number| {
        let (clock, ids) = parts(number);
        Client::open_with(folder.path(), clock, ids).expect("opens")
    };
    let original = open(&one, 1);
    let logged_in = original.login(&server, EMAIL, PASSWORD).await;
    logged_in.expect("logs in");
    let read = original.create_habit(titled("Read")).expect("creates");
    let id = device_id(&original);
    drop(original);
    fs::copy(one.path().join("replica.db"), two.path().join("replica.db")).expect("copies");

    let copy = open(&two, 2);
    copy.create_habit(titled("Run")).expect("creates");
    let edited = copy.update_habit(read.id, titled("Read more"));
    edited.expect("edits");
    let report = copy.sync(&server).await.expect("syncs");
    assert_eq!((report.pushed, report.waiting), (3, 0));
    let state = server.state();
    let devices: Vec<_> = state.pushes.iter().map(|push| push.device_id).collect();
    // An edit of a habit with an older operation goes out under the id of that operation.
    assert_eq!(devices, [id, device_id(&copy), id].map(Some));
}

#[tokio::test]
async fn a_log_in_after_a_refused_session_draws_a_new_device_id() {
    let server = FakeServer::new();
    let device = signed_in(1, &server).await;
    let id = device_id(&device);
    device.logout(&server).await.expect("logs out");
    let again = device.login(&server, EMAIL, PASSWORD).await;
    again.expect("logs in");
    assert_eq!(device_id(&device), id, "the user ended the session");
    server.state().revoke();
    device.sync(&server).await.expect_err("signed out");
    let again = device.login(&server, EMAIL, PASSWORD).await;
    again.expect("logs in");
    assert_ne!(device_id(&device), id);
}

/// Returns a server with short pages, and a device with 600 unsent edits of one habit, which take two
/// requests.
async fn two_requests_of_edits() -> (FakeServer, Device) {
    let server = FakeServer::new();
    let other = signed_in(1, &server).await;
    let habit = other.create_habit(titled("Read")).expect("creates");
    other.sync(&server).await.expect("syncs");
    let mine = signed_in(2, &server).await;
    mine.sync(&server).await.expect("syncs");
    for number in 0..40 {
        let created = other.create_habit(titled(&format!("Of the other {number}")));
        created.expect("creates");
    }
    other.sync(&server).await.expect("syncs");
    // Two requests of edits of one habit, while the pages are short.
    server.state().page = 5;
    for number in 0..600 {
        let edited = mine.update_habit(habit.id, titled(&format!("Read {number}")));
        edited.expect("edits");
    }
    (server, mine)
}

#[tokio::test]
async fn a_device_that_pushes_before_it_has_read_names_its_own_versions() {
    let (server, mine) = two_requests_of_edits().await;
    let report = mine.sync(&server).await.expect("syncs");
    assert_eq!((report.pushed, report.failures.len()), (600, 0));
    assert!(titles(&mine).contains(&"Read 599".to_owned()));
    let state = server.state();
    let named: Vec<_> = state
        .pushes
        .iter()
        .filter(|push| !push.operations.is_empty())
        .map(|push| {
            let seen = push.seen_versions.as_ref()?;
            Some(seen.values().map(Vec::len).sum::<usize>())
        })
        .collect();
    assert_eq!(named[named.len() - 2..], [Some(0), Some(500)]);
}

#[tokio::test]
async fn a_server_that_does_not_know_seen_versions_gets_the_push_without_them() {
    let (server, mine) = two_requests_of_edits().await;
    {
        let mut state = server.state();
        state.unknown_members = &["seen_versions"];
        state.pushes.clear();
    }
    let report = mine.sync(&server).await.expect("syncs");
    assert_eq!((report.pushed, report.waiting), (600, 0));
    assert!(titles(&mine).contains(&"Read 599".to_owned()));
    let state = server.state();
    assert!(state.pushes.iter().all(|push| push.seen_versions.is_none()));
}

//! Increments with a lost answer, and a server that has purged their results.

use kanso_client::domain::entries::Entry;
use kanso_client::domain::{EntryId, QuantityChange};
use kanso_client::{EditError, ResolveError};

use crate::support::{Device, FakeServer, NetworkFault, all_entries, on, signed_in, titled};

const DAY: i64 = 24 * 60 * 60;

/// A device with a synced entry.
async fn with_an_entry(server: &FakeServer) -> (Device, Entry) {
    let device = signed_in(1, server).await;
    let habit = device.create_habit(titled("Water")).expect("creates");
    let entry = device
        .create_entry(on(&habit, "2026-11-22"))
        .expect("creates");
    device.sync(server).await.expect("syncs");
    (device, entry)
}

fn half() -> QuantityChange {
    QuantityChange::from_thousandths(500).expect("small")
}

/// Value of the only entry on the server, in thousandths.
fn stored(server: &FakeServer) -> i64 {
    let state = server.state();
    let entry = state.entries.values().next().expect("an entry");
    entry.details.value.thousandths()
}

/// Value of the only entry on the device, in thousandths.
fn shown(device: &Device) -> i64 {
    all_entries(device)[0].details.value.thousandths()
}

/// Adds a half with a lost answer and lets `days` pass, after which the server has purged the result.
async fn lose_an_answer(server: &FakeServer, device: &Device, entry: EntryId, days: i64) {
    device.add_to_entry(entry, half()).expect("adds");
    server.fail([NetworkFault::LoseResponse]);
    device.sync(server).await.expect_err("the answer was lost");
    assert_eq!((stored(server), shown(device)), (1_500, 1_500));
    server.state().receipts.clear();
    device.clock.advance(days * DAY);
}

#[tokio::test]
async fn increment_whose_result_may_be_purged_becomes_a_failure() {
    let server = FakeServer::new();
    let (device, entry) = with_an_entry(&server).await;
    lose_an_answer(&server, &device, entry.id, 91).await;

    let report = device.sync(&server).await.expect("syncs");
    assert_eq!((report.pushed, report.waiting), (0, 0));
    let [unknown_outcome] = &report.failures[..] else {
        panic!("one, got {:?}", report.failures);
    };
    assert!(unknown_outcome.is_outcome_unknown());
    assert_eq!(unknown_outcome.operation.id, entry.id.uuid());
    assert_eq!(device.failures().expect("reads"), report.failures);
    assert_eq!((stored(&server), shown(&device)), (1_500, 1_500), "once");

    device.take_theirs(unknown_outcome.id).expect("drops it");
    device.sync(&server).await.expect("syncs");
    assert_eq!((stored(&server), shown(&device)), (1_500, 1_500));
}

#[tokio::test]
async fn keep_mine_sends_the_increment_as_a_new_one() {
    let server = FakeServer::new();
    let (device, entry) = with_an_entry(&server).await;
    device.add_to_entry(entry.id, half()).expect("adds");
    server.fail([NetworkFault::LoseRequest]);
    device.sync(&server).await.expect_err("it was lost");
    device.clock.advance(91 * DAY);
    let report = device.sync(&server).await.expect("syncs");
    assert_eq!((stored(&server), shown(&device)), (1_000, 1_000));

    device.keep_mine(report.failures[0].id).expect("keeps");
    assert_eq!(shown(&device), 1_500);
    let report = device.sync(&server).await.expect("syncs");
    assert_eq!((report.pushed, stored(&server)), (1, 1_500));
    assert_eq!(device.failures().expect("reads"), []);
}

#[tokio::test]
async fn keep_mine_fails_for_an_increment_of_a_deleted_entry() {
    let server = FakeServer::new();
    let (device, entry) = with_an_entry(&server).await;
    lose_an_answer(&server, &device, entry.id, 91).await;
    let report = device.sync(&server).await.expect("syncs");
    device.delete_entry(entry.id).expect("deletes");
    let kept = device.keep_mine(report.failures[0].id);
    assert!(matches!(kept, Err(ResolveError::Deleted)), "{kept:?}");
    assert_eq!(device.failures().expect("reads").len(), 1);
}

#[tokio::test]
async fn increment_with_a_stored_result_is_retried_and_counts_once() {
    let server = FakeServer::new();
    let (device, entry) = with_an_entry(&server).await;
    device.add_to_entry(entry.id, half()).expect("adds");
    server.fail([NetworkFault::LoseResponse]);
    device.sync(&server).await.expect_err("the answer was lost");
    device.clock.advance(88 * DAY);
    let report = device.sync(&server).await.expect("syncs");
    assert_eq!((report.pushed, report.failures.len()), (1, 0));
    assert_eq!((stored(&server), shown(&device)), (1_500, 1_500));
}

#[tokio::test]
async fn increment_that_was_never_sent_waits_without_limit() {
    let server = FakeServer::new();
    let (device, entry) = with_an_entry(&server).await;
    device.add_to_entry(entry.id, half()).expect("adds");
    for _ in 0..3 {
        server.fail([NetworkFault::Offline]);
        device.sync(&server).await.expect_err("no network");
        device.clock.advance(DAY / 2);
    }
    device.clock.advance(400 * DAY);
    let report = device.sync(&server).await.expect("syncs");
    assert_eq!((report.pushed, report.failures.len()), (1, 0));
    assert_eq!(stored(&server), 1_500);
}

#[tokio::test]
async fn increment_of_a_rejected_request_is_not_in_doubt() {
    let server = FakeServer::new();
    let (device, entry) = with_an_entry(&server).await;
    device.add_to_entry(entry.id, half()).expect("adds");
    server.fail([NetworkFault::Status(422, None)]);
    device.sync(&server).await.expect_err("refused");
    device.clock.advance(400 * DAY);
    let report = device.sync(&server).await.expect("syncs");
    assert_eq!((report.pushed, report.failures.len()), (1, 0));
    assert_eq!(stored(&server), 1_500);
}

#[tokio::test]
async fn only_increments_are_in_doubt() {
    let server = FakeServer::new();
    let device = signed_in(1, &server).await;
    device.create_habit(titled("Read")).expect("creates");
    server.fail([NetworkFault::LoseResponse]);
    device.sync(&server).await.expect_err("the answer was lost");
    server.state().receipts.clear();
    device.clock.advance(400 * DAY);
    let report = device.sync(&server).await.expect("syncs");
    assert_eq!((report.pushed, report.failures.len()), (1, 0));
    assert!(
        !server
            .state()
            .paths
            .iter()
            .any(|path| path.ends_with("config"))
    );
}

#[tokio::test]
async fn a_group_goes_to_the_list_as_a_whole() {
    let server = FakeServer::new();
    let (device, entry) = with_an_entry(&server).await;
    device
        .group::<_, EditError>(|edits| {
            edits.add_to_entry(entry.id, half())?;
            edits.create_habit(titled("Tea"))
        })
        .expect("writes");
    server.fail([NetworkFault::LoseResponse]);
    device.sync(&server).await.expect_err("the answer was lost");
    server.state().receipts.clear();
    device.clock.advance(91 * DAY);
    let report = device.sync(&server).await.expect("syncs");
    assert_eq!(report.failures.len(), 2);
    assert!(
        report
            .failures
            .iter()
            .all(kanso_client::Failure::is_outcome_unknown)
    );
    assert_eq!((report.pushed, stored(&server)), (0, 1_500));
}

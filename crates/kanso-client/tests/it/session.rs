//! Log-in, log-out, and syncs without a valid session.

use std::time::Duration;

use kanso_client::{CallError, Client, LoginError};

use crate::support::{
    EMAIL, FakeServer, NetworkFault, PASSWORD, device, parts, signed_in, titled, titles,
};

#[tokio::test]
async fn an_expired_access_token_is_refreshed_before_use() {
    let server = FakeServer::new();
    let device = signed_in(1, &server).await;
    device.clock.advance(900);
    device.create_habit(titled("Read")).expect("creates");
    server.state().paths.clear();
    device.sync(&server).await.expect("syncs");
    assert_eq!(
        server.state().paths,
        ["/api/v1/auth/refresh", "/api/v1/sync"]
    );
}

#[tokio::test]
async fn a_rejected_access_token_is_refreshed_once() {
    let server = FakeServer::new();
    let device = signed_in(1, &server).await;
    server.state().expire_access();
    device.sync(&server).await.expect("syncs");
    assert!(device.status().expect("reads").is_signed_in);
}

#[tokio::test]
async fn a_revoked_session_signs_out_and_keeps_everything() {
    let server = FakeServer::new();
    let device = signed_in(1, &server).await;
    device.create_habit(titled("Read")).expect("creates");
    server.state().revoke();
    let interrupted = device.sync(&server).await.expect_err("not signed in");
    assert!(matches!(
        interrupted.cause,
        CallError::SignedOut { account: Some(_) }
    ));
    let status = device.status().expect("reads");
    assert!(!status.is_signed_in);
    assert_eq!((status.waiting, titles(&device).len()), (1, 1));

    device
        .login(&server, EMAIL, PASSWORD)
        .await
        .expect("logs in");
    assert_eq!(device.sync(&server).await.expect("syncs").pushed, 1);
}

#[tokio::test]
async fn a_lost_refresh_is_retried() {
    let server = FakeServer::new();
    let device = signed_in(1, &server).await;
    device.clock.advance(900);
    for fault in [NetworkFault::LoseRequest, NetworkFault::LoseResponse] {
        server.fail([fault]);
        let interrupted = device.sync(&server).await.expect_err("it was lost");
        assert!(matches!(interrupted.cause, CallError::Offline(_)));
    }
    device.sync(&server).await.expect("syncs");
}

#[tokio::test]
async fn a_busy_server_says_when_to_come_back() {
    let server = FakeServer::new();
    let device = signed_in(1, &server).await;
    device.create_habit(titled("Read")).expect("creates");
    for (status, seconds) in [(429, Some(7)), (503, Some(30)), (500, None), (502, None)] {
        server.fail([NetworkFault::Status(status, seconds)]);
        let cause = device.sync(&server).await.expect_err("it is busy").cause;
        let CallError::TryLater { after } = cause else {
            panic!("{status}: {cause:?}");
        };
        assert_eq!(after, seconds.map(Duration::from_secs), "{status}");
    }
    assert_eq!(device.sync(&server).await.expect("syncs").pushed, 1);
}

#[tokio::test]
async fn wrong_credentials_differ_from_no_network() {
    let server = FakeServer::new();
    let device = device(1);
    let refused = device
        .login(&server, EMAIL, "wrong")
        .await
        .expect_err("refused");
    let LoginError::Call(CallError::Refused(problem)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(problem.status, 401);
    server.fail([NetworkFault::LoseRequest]);
    let offline = device.login(&server, EMAIL, PASSWORD).await;
    assert!(matches!(
        offline,
        Err(LoginError::Call(CallError::Offline(_)))
    ));
    let never = device.sync(&server).await.expect_err("not signed in");
    assert!(matches!(
        never.cause,
        CallError::SignedOut { account: None }
    ));
}

#[tokio::test]
async fn a_replica_belongs_to_one_account() {
    let device = signed_in(1, &FakeServer::new()).await;
    let other = FakeServer::of_account(2);
    let refused = device.login(&other, EMAIL, PASSWORD).await;
    assert!(
        matches!(refused, Err(LoginError::OtherAccount { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_token_goes_to_its_own_server_only() {
    let device = signed_in(1, &FakeServer::new()).await;
    let elsewhere = FakeServer::new().at("https://elsewhere.example.org");
    let interrupted = device
        .sync(&elsewhere)
        .await
        .expect_err("it is another server");
    assert!(matches!(interrupted.cause, CallError::OtherServer { .. }));
    assert!(elsewhere.state().paths.is_empty());
    // The server has moved: a log-in at the new address moves the replica too.
    device
        .login(&elsewhere, EMAIL, PASSWORD)
        .await
        .expect("logs in");
    device.sync(&elsewhere).await.expect("syncs");
}

#[tokio::test]
async fn logging_out_works_without_the_server_and_keeps_everything() {
    let server = FakeServer::new();
    let device = signed_in(1, &server).await;
    device.create_habit(titled("Read")).expect("creates");
    server.fail([NetworkFault::LoseRequest]);
    device.logout(&server).await.expect("logs out");
    let status = device.status().expect("reads");
    assert!(!status.is_signed_in);
    assert_eq!((status.waiting, titles(&device).len()), (1, 1));
}

#[tokio::test]
async fn days_are_read_with_the_accounts_settings() {
    let server = FakeServer::new();
    server.state().settings.timezone = "Pacific/Auckland".parse().expect("a zone");
    let device = signed_in(1, &server).await;
    assert_eq!(device.today(None).expect("reads").to_string(), "2026-11-23");
    server.state().settings.day_start = "12:00".parse().expect("a time");
    device.clock.advance(24 * 60 * 60);
    device.sync(&server).await.expect("syncs");
    assert_eq!(
        device.today(None).expect("reads").to_string(),
        "2026-11-23",
        "01:00 on the 24th is still the 23rd"
    );
}

#[tokio::test]
async fn a_refresh_is_repeated_by_its_replica_and_by_no_copy() {
    let server = FakeServer::new();
    let (one, two) = (tempfile::tempdir(), tempfile::tempdir());
    let (one, two) = (one.expect("a folder"), two.expect("a folder"));
    let open = |folder: &tempfile::TempDir, number| {
        let (clock, ids) = parts(number);
        clock.advance(900);
        Client::open_with(folder.path(), clock, ids).expect("opens")
    };
    let logged_in = {
        let (clock, ids) = parts(1);
        Client::open_with(one.path(), clock, ids).expect("opens")
    };
    let done = logged_in.login(&server, EMAIL, PASSWORD).await;
    done.expect("logs in");
    drop(logged_in);
    std::fs::copy(one.path().join("replica.db"), two.path().join("replica.db")).expect("copies");

    server.fail([NetworkFault::LoseResponse]);
    let lost = open(&one, 2).sync(&server).await;
    lost.expect_err("the answer was lost");
    // Another process of the same replica repeats the refresh.
    let again = open(&one, 3);
    again.sync(&server).await.expect("syncs");
    // A copy has the same refresh token and another nonce.
    let copied = open(&two, 4).sync(&server).await;
    let cause = copied.expect_err("refused").cause;
    assert!(matches!(cause, CallError::SignedOut { .. }), "{cause:?}");
    let ended = again.sync(&server).await.expect_err("the session ended");
    assert!(matches!(ended.cause, CallError::SignedOut { .. }));
}

#[tokio::test]
async fn a_log_in_sends_the_newest_proof_of_the_device() {
    let server = FakeServer::new();
    let device = signed_in(1, &server).await;
    device.clock.advance(900);
    device.sync(&server).await.expect("refreshes and syncs");
    device.logout(&server).await.expect("logs out");
    let again = device.login(&server, EMAIL, PASSWORD).await;
    again.expect("logs in");
    let sent = server.state().proofs.clone();
    assert_eq!(sent, [None, Some("proof-2".to_owned())]);
}

/// During an upgrade a device meets servers of both releases.
#[tokio::test]
async fn a_server_of_0_1_0_gets_neither_nonce_nor_proof() {
    let server = FakeServer::new();
    let device = signed_in(1, &server).await;
    server.state().unknown_members = &["nonce", "device_proof"];
    device.clock.advance(900);
    device.sync(&server).await.expect("refreshes and syncs");
    device.logout(&server).await.expect("logs out");
    let again = device.login(&server, EMAIL, PASSWORD).await;
    again.expect("logs in");
    assert_eq!(server.state().proofs, [None, None]);
}

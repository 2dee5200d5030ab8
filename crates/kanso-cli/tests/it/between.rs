//! Obstacles between a device and the server: body limits, log-in pages, full servers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::json;

use crate::support::{Answer, Api, Device, EMAIL, Proxy, Server};

/// A device behind a proxy, logged in, with `Read` on the server.
fn behind_a_proxy(server: &Server) -> (Proxy, Device) {
    let proxy = Proxy::before(server.address());
    let device = Device::at(proxy.address());
    device.ok(&["habit", "add", "Read"]);
    device.ok(&["register", EMAIL]);
    device.ok(&["sync"]);
    (proxy, device)
}

/// Lets bodies of at most `limit` bytes pass.
fn limit(proxy: &Proxy, limit: usize) {
    proxy.by(move |asked, forward| {
        if asked.body.len() > limit {
            Answer::page(413)
        } else {
            forward()
        }
    });
}

#[test]
fn a_smaller_body_limit_only_makes_the_pushes_smaller() {
    let server = Server::start();
    let (proxy, device) = behind_a_proxy(&server);
    let note = "a long note ".repeat(100);
    for day in 1..=28 {
        let date = format!("2026-02-{day:02}");
        device.ok(&["done", "Read", "--on", &date, "--note", &note]);
    }
    limit(&proxy, 8 * 1024);
    let synced = device.json(&["sync"]);
    assert_eq!(
        (&synced["pushed"], &synced["waiting"]),
        (&json!(28), &json!(0))
    );
    let entries = Api::login(server.address()).get("/entries?from=2026-01-01");
    assert_eq!(entries.as_array().map(Vec::len), Some(28));
}

#[test]
fn an_operation_that_cannot_pass_is_named_and_stays() {
    let server = Server::start();
    let (proxy, device) = behind_a_proxy(&server);
    device.ok(&[
        "done",
        "Read",
        "--on",
        "2026-02-01",
        "--note",
        &"x".repeat(1900),
    ]);
    device.ok(&["done", "Read", "--on", "2026-02-02"]);
    limit(&proxy, 1024);
    let synced = device.ends(0, &["sync"]);
    assert!(
        synced.stderr.contains("too large for a proxy"),
        "{synced:?}"
    );
    assert_eq!(device.json(&["status"])["waiting"], 1);
    proxy.plain();
    device.ok(&["sync"]);
    assert_eq!(device.json(&["status"])["waiting"], 0);
}

#[test]
fn a_stranger_ends_no_session() {
    let server = Server::start();
    let (proxy, device) = behind_a_proxy(&server);
    device.ok(&["done", "Read"]);
    let json = |status: u16, body: &str| Answer {
        status,
        headers: vec![("Content-Type".to_owned(), "application/json".to_owned())],
        body: body.as_bytes().to_vec(),
    };
    let problem = r#"{"type":"about:blank","title":"Unauthorized","status":401,"detail":"log in",
                      "code":"unauthorized","error":"Unauthorized"}"#;
    let strange = [
        Answer::page(200),
        Answer::page(302).with("Location", "http://login.example.org/"),
        Answer::page(401),
        Answer::page(403),
        Answer::page(404),
        Answer::page(407),
        Answer::page(410),
        Answer::page(502),
        Answer::page(511),
        json(401, r#"{"error":"login_required"}"#),
        json(401, problem),
    ];
    for answer in strange {
        // Also while the access token is refreshed.
        let spoil = "UPDATE replica SET access_expires_at = 0";
        for prepare in [None, Some(spoil)] {
            if let Some(sql) = prepare {
                let replica = rusqlite::Connection::open(device.home().join("replica.db"));
                replica.expect("opens").execute(sql, []).expect("changes");
            }
            let page = answer.clone();
            proxy.by(move |_, _| page.clone());
            let synced = device.ends(3, &["sync"]);
            assert!(
                synced.stderr.contains("Nothing is lost"),
                "{answer:?}: {synced:?}"
            );
            device.ends(3, &["devices"]);
            let status = device.json(&["status"]);
            assert_eq!(
                (&status["signed_in"], &status["waiting"]),
                (&json!(true), &json!(1)),
                "{answer:?}"
            );
        }
    }
    proxy.plain();
    device.ok(&["sync"]);
    assert_eq!(device.json(&["status"])["waiting"], 0);
}

#[test]
fn a_session_that_the_server_has_ended_is_over() {
    let server = Server::start();
    let (_proxy, device) = behind_a_proxy(&server);
    let other = Device::at(server.address());
    other.ok(&["login", EMAIL]);
    other.told(
        "correct horse battery\ntwo slow kettles\n",
        &["password", "--password-stdin"],
    );
    device.ends(4, &["sync"]);
}

#[test]
fn sync_waits_as_long_as_the_server_asks_for() {
    let server = Server::start();
    let (proxy, device) = behind_a_proxy(&server);
    let past = "Thu, 01 Jan 1970 00:00:00 GMT";
    for (status, after) in [(429, "1"), (503, "1"), (429, "0"), (503, past)] {
        device.ok(&["done", "Read", "--note", &format!("{status} {after}")]);
        let asked = Arc::new(AtomicU32::new(0));
        let (count, after) = (Arc::clone(&asked), after.to_owned());
        proxy.by(move |_, forward| {
            if count.fetch_add(1, Ordering::SeqCst) == 0 {
                Answer::page(status).with("Retry-After", &after)
            } else {
                forward()
            }
        });
        device.ok(&["sync"]);
        assert!(asked.load(Ordering::SeqCst) > 1);
        assert_eq!(device.json(&["status"])["waiting"], 0);
    }
}

#[test]
fn sync_gives_up_after_a_few_waits() {
    let server = Server::start();
    let (proxy, device) = behind_a_proxy(&server);
    device.ok(&["done", "Read"]);
    for answer in [
        Answer::page(429).with("Retry-After", "1"),
        Answer::page(429).with("Retry-After", "3600"),
        Answer::page(503),
    ] {
        proxy.by(move |_, _| answer.clone());
        device.ends(3, &["sync"]);
        assert_eq!(device.json(&["status"])["waiting"], 1);
    }
}

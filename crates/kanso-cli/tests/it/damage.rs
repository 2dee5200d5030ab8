//! A damaged replica: one row, or the whole file.

use std::fs;

use serde_json::json;

use crate::support::{Api, Device, EMAIL, Server};

/// A device with `Read` on the server, and 20 habits that wait.
fn device_with_waiting(server: &Server) -> Device {
    let device = Device::at(server.address());
    device.ok(&["habit", "add", "Read"]);
    device.ok(&["register", EMAIL]);
    device.ok(&["sync"]);
    for number in 0..20 {
        device.ok(&["habit", "add", &format!("Waiting {number:02}")]);
    }
    device
}

fn change(device: &Device, sql: &str) {
    let replica = rusqlite::Connection::open(device.home().join("replica.db")).expect("opens");
    replica.execute_batch(sql).expect("changes");
}

#[test]
fn a_damaged_operation_is_set_aside_and_the_others_go_out() {
    let sixth = "position = (SELECT min(position) + 5 FROM outbox)";
    for damage in [
        "body = '{broken'",
        "body = ''",
        "body = '[]'",
        "body = json_remove(body, '$.op_id')",
        "body = json_set(body, '$.action', 'creat')",
        "body = json_set(body, '$.id', '0198c2f4-8b7e-7c3a-9d2e-4f5a6b7c8d9e')",
        "body = CAST(x'7b22ff' AS TEXT)",
        "entity = 'habix'",
        "record_id = x'00'",
        "op_id = x'0102'",
        "created_at = 9223372036854775807",
    ] {
        let server = Server::start();
        let device = device_with_waiting(&server);
        change(
            &device,
            &format!("UPDATE outbox SET {damage} WHERE {sixth}"),
        );
        // Everything that works offline goes on.
        device.ok(&["status"]);
        device.ok(&["today"]);
        device.ok(&["habit", "add", "Another"]);
        let synced = device.ends(5, &["sync"]);
        assert!(
            !synced.stderr.contains("the server answered"),
            "{damage}: {synced:?}"
        );
        let arrived = Api::login(server.address()).get("/habits");
        assert_eq!(arrived.as_array().map(Vec::len), Some(21), "{damage}");
        let listed = device.ends(5, &["conflicts"]);
        assert!(
            listed.stdout.contains("replica on this device was damaged"),
            "{damage}: {listed:?}"
        );
        let failures = device.run(&["conflicts", "--json"]);
        let failures: serde_json::Value = serde_json::from_str(&failures.stdout).expect("JSON");
        assert_eq!(failures[0]["code"], "damaged", "{damage}: {failures}");
        let id = failures[0]["id"].to_string();
        device.ends(2, &["conflicts", "resolve", &id, "--mine"]);
        device.ok(&["conflicts", "resolve", &id, "--theirs"]);
        device.ok(&["sync"]);
    }
}

#[test]
fn damaged_rows_of_the_replica_hide_no_others() {
    let server = Server::start();
    let device = device_with_waiting(&server);
    device.ok(&["sync"]);
    for damage in [
        "UPDATE base SET record = '{broken' WHERE record ->> '$.title' = 'Waiting 03'",
        "UPDATE shown SET record = '{broken' WHERE record ->> '$.title' = 'Waiting 03'",
        "UPDATE replica SET timezone = 'Moon/Sea', day_start = 'noon', week_start = ''",
        "UPDATE replica SET last_sync_at = 9223372036854775807, checked_at = -9223372036854775807",
    ] {
        change(&device, damage);
        device.ok(&["status"]);
        device.ok(&["today"]);
        let titles = device.titles();
        assert!(titles.len() >= 20, "{damage}: {titles:?}");
        device.ok(&["habit", "edit", "Waiting 05", "--description", damage]);
        device.ok(&["sync"]);
        device.ok(&["sync", "--verify"]);
        assert_eq!(device.titles().len(), 21, "{damage}");
    }
}

#[test]
fn a_file_that_was_cut_off_is_no_new_device() {
    for part in [0, 1, 50, 99] {
        let server = Server::start();
        let device = device_with_waiting(&server);
        device.ok(&["status"]);
        let path = device.home().join("replica.db");
        let length = fs::metadata(&path).expect("it is there").len();
        let file = fs::OpenOptions::new()
            .write(true)
            .open(&path)
            .expect("opens");
        file.set_len(length * part / 100).expect("is cut");
        drop(file);
        for command in [&["today"][..], &["status"], &["habit", "list"], &["sync"]] {
            let ended = device.ends(1, command);
            assert!(ended.stderr.contains("damaged"), "{part} %: {ended:?}");
            assert!(
                ended.stderr.contains("kanso recover"),
                "{part} %: {ended:?}"
            );
        }
        device.ends(2, &["recover"]);
        let recovered = device.json(&["recover", "--yes"]);
        let kept = recovered["operations"].as_array().expect("a list").len();
        if part == 0 {
            assert_eq!((kept, &recovered["incomplete"]), (0, &json!(true)));
        }
        let set_aside = recovered["set_aside"].as_str().expect("a path");
        assert_eq!(
            fs::metadata(set_aside).expect("it is kept").len(),
            length * part / 100
        );
        device.ok(&["login", EMAIL]);
        device.ok(&["sync"]);
        let arrived = Api::login(server.address()).get("/habits");
        assert_eq!(arrived.as_array().map(Vec::len), Some(1 + kept), "{part} %");
        assert!(device.titles().contains(&"Read".to_owned()));
    }
}

#[test]
fn recovery_keeps_what_was_never_sent() {
    let server = Server::start();
    let device = device_with_waiting(&server);
    change(
        &device,
        "INSERT INTO failures (op_id, entity, record_id, body, result, written_at, failed_at)
         VALUES (x'01', 'habit', x'02', 'damaged before', '{}', 0, 0)",
    );
    let recovered = device.json(&["recover", "--yes"]);
    assert_eq!(device.json(&["status"])["conflicts"], 1);
    device.ok(&["conflicts", "resolve", "1", "--theirs"]);
    assert_eq!(recovered["operations"].as_array().map(Vec::len), Some(20));
    assert_eq!(recovered["incomplete"], false);
    assert_eq!(device.titles().len(), 20, "they are shown at once");
    // Another account cannot get them by mistake.
    let other = Device::at(server.address());
    other.ok(&["register", "bob@example.org"]);
    device.ends(1, &["login", "bob@example.org"]);
    device.ok(&["login", EMAIL]);
    device.ok(&["sync"]);
    assert_eq!(device.titles().len(), 21);
}

//! Damage and loss of data on a server or a device, and the recovery of both.

use rusqlite::Connection;
use serde_json::Value;

use crate::support::{Api, Device, EMAIL, Server};

/// Records of the server as a new device reads them: titles with colours, and notes.
fn stored(server: &Server) -> (Vec<(String, String)>, Vec<String>) {
    let fresh = Device::at(server.address());
    fresh.ok(&["login", EMAIL]);
    fresh.ok(&["sync"]);
    seen(&fresh)
}

fn seen(device: &Device) -> (Vec<(String, String)>, Vec<String>) {
    let text = |record: &Value, member: &str| record[member].as_str().expect("a text").to_owned();
    let habits = device.json(&["habit", "list", "--all"]);
    let habits = habits.as_array().expect("a list").iter();
    let mut habits: Vec<_> = habits
        .map(|habit| (text(habit, "title"), text(habit, "color")))
        .collect();
    habits.sort();
    let replica = Connection::open(device.home().join("replica.db")).expect("opens");
    let sql = "SELECT record ->> 'notes' FROM shown WHERE entity = 'entry' ORDER BY 1";
    let mut statement = replica.prepare(sql).expect("prepares");
    let notes = statement.query_map([], |row| row.get(0)).expect("reads");
    (habits, notes.map(|note| note.expect("reads")).collect())
}

fn must_agree(server: &Server, devices: [&Device; 2]) {
    let stored = stored(server);
    for device in devices {
        assert_eq!(seen(device), stored);
        let status = device.json(&["status"]);
        assert_eq!(
            (&status["waiting"], &status["conflicts"]),
            (&0.into(), &0.into())
        );
        let verified = device.json(&["sync", "--verify"]);
        assert_eq!(
            (&verified["repaired"], &verified["differs"]),
            (&0.into(), &false.into())
        );
    }
}

#[test]
fn a_restored_server_gets_all_records_back() {
    let mut server = Server::start();
    let (a, b) = (Device::at(server.address()), Device::at(server.address()));
    a.ok(&["register", EMAIL]);
    b.ok(&["login", EMAIL]);
    a.ok(&["habit", "add", "Read"]);
    a.ok(&["sync"]);
    b.ok(&["sync"]);
    server.copy();

    // After the copy: edits, a new habit and entries, some of them seen by one device only.
    a.ok(&["habit", "edit", "Read", "--title", "Read more"]);
    a.ok(&["habit", "add", "Run"]);
    a.ok(&["done", "Run", "--note", "ran"]);
    a.ok(&["sync"]);
    b.ok(&["sync"]);
    b.ok(&["habit", "edit", "Read more", "--color", "#112233"]);
    b.ok(&["done", "Read more", "--note", "read"]);
    b.ok(&["sync"]);
    // Operations wait on both devices when the database is restored from the copy.
    a.ok(&["habit", "edit", "Run", "--color", "#445566"]);
    a.ok(&["habit", "add", "Waits on A"]);
    b.ok(&["done", "Run", "--on", "yesterday", "--note", "waits on B"]);
    server.restore_copy();

    for device in [&a, &b] {
        let synced = device.json(&["sync"]);
        assert_eq!(synced["conflicts"], Value::Array(Vec::new()), "{synced}");
    }
    a.ok(&["sync"]);
    let expected = [
        ("Read more", "#112233"),
        ("Run", "#445566"),
        ("Waits on A", "#4CAF50"),
    ];
    let expected = expected.map(|(title, color)| (title.to_owned(), color.to_owned()));
    assert_eq!(stored(&server).0, expected);
    assert_eq!(stored(&server).1, ["ran", "read", "waits on B"]);
    must_agree(&server, [&a, &b]);
}

#[test]
fn a_flipped_byte_in_a_replica_heals() {
    let server = Server::start();
    let (a, b) = (Device::at(server.address()), Device::at(server.address()));
    a.ok(&["register", EMAIL]);
    b.ok(&["login", EMAIL]);
    a.ok(&["habit", "add", "Read"]);
    a.ok(&["done", "Read", "--note", "a chapter"]);
    a.ok(&["sync"]);
    b.ok(&["sync"]);
    a.ok(&["habit", "add", "Waits"]);
    let flips = [
        "UPDATE base SET record = replace(record, 'a chapter', 'a chaptes')",
        "UPDATE base SET record = replace(record, '\"version\":1', '\"version\":5')",
        "UPDATE shown SET record = replace(record, '{', '[')",
    ];
    for flip in flips {
        let replica = Connection::open(a.home().join("replica.db")).expect("opens");
        assert!(replica.execute(flip, []).expect("flips") > 0, "{flip}");
        drop(replica);
        let healed = a.json(&["sync", "--verify"]);
        assert_eq!(healed["waiting"], 0, "{flip}: {healed}");
        assert_eq!(healed["offered"], 0, "{flip}: {healed}");
        b.ok(&["sync"]);
        must_agree(&server, [&a, &b]);
    }
    assert_eq!(a.titles(), ["Read", "Waits"]);
}

#[test]
fn edits_merge_and_a_conflict_has_device_and_time() {
    let server = Server::start();
    let (a, b) = (Device::at(server.address()), Device::at(server.address()));
    a.ok(&["register", EMAIL]);
    b.ok(&["login", EMAIL]);
    a.ok(&["habit", "add", "Read"]);
    a.ok(&["sync"]);
    b.ok(&["sync"]);
    a.ok(&["habit", "edit", "Read", "--color", "#112233"]);
    b.ok(&["habit", "edit", "Read", "--icon", "book"]);
    a.ok(&["sync"]);
    assert_eq!(b.json(&["sync"])["merged"], 1);
    a.ok(&["sync"]);

    a.ok(&["habit", "edit", "Read", "--title", "Theirs"]);
    b.ok(&[
        "habit", "edit", "Read", "--title", "Mine", "--color", "#445566",
    ]);
    a.ok(&["sync"]);
    let device = a.json(&["status"])["device_id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let reported = b.ends(5, &["sync"]);
    for part in ["only you changed: color", &device, "Theirs"] {
        assert!(reported.stdout.contains(part), "{part}: {reported:?}");
    }
    let listed = b.ends(5, &["conflicts", "--json"]);
    let listed: Value = serde_json::from_str(&listed.stdout).expect("JSON");
    assert_eq!(listed[0]["clashing"], serde_json::json!(["title"]));
    assert_eq!(listed[0]["changed_by"], device.as_str());
    b.ok(&[
        "conflicts",
        "resolve",
        &listed[0]["id"].to_string(),
        "--merge",
    ]);
    b.ok(&["sync"]);
    a.ok(&["sync"]);
    let merged = [("Theirs".to_owned(), "#445566".to_owned())];
    assert_eq!(seen(&a).0, merged);
    must_agree(&server, [&a, &b]);
}

#[test]
fn many_deletions_ask_first() {
    let server = Server::start();
    let api = Api::register(server.address());
    let device = Device::at(server.address());
    device.ok(&["login", EMAIL]);
    for number in 0..52 {
        let habit = serde_json::json!({"title": format!("habit {number}")});
        api.send("POST", "/habits", &habit);
    }
    device.ok(&["sync"]);
    // The device has records that the server never had, and a cursor that it cannot read.
    let replica = Connection::open(device.home().join("replica.db")).expect("opens");
    for sql in [
        "UPDATE base SET id = randomblob(16), checksum = NULL",
        "UPDATE replica SET cursor = 'nonsense'",
    ] {
        replica.execute(sql, []).expect("writes");
    }
    drop(replica);
    device.ok(&["habit", "add", "Waits"]);
    for _ in 0..2 {
        let refused = device.ends(6, &["sync"]);
        assert!(refused.stderr.contains("--accept-deletions"), "{refused:?}");
        assert_eq!(device.titles().len(), 53);
    }
    let accepted = device.json(&["sync", "--accept-deletions"]);
    assert_eq!(
        (&accepted["resynced"], &accepted["waiting"]),
        (&true.into(), &0.into())
    );
    assert_eq!(device.titles().len(), 53);
}

#[test]
fn devices_are_listed_and_forgotten() {
    let server = Server::start();
    let (a, b) = (Device::at(server.address()), Device::at(server.address()));
    a.ok(&["register", EMAIL]);
    b.ok(&["login", EMAIL]);
    for device in [&a, &b] {
        device.ok(&["sync"]);
    }
    let own = a.json(&["status"])["device_id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let other = b.json(&["status"])["device_id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let shown = a.ok(&["devices"]);
    assert!(
        shown.contains(&format!("{own} (this)")) && shown.contains(&other),
        "{shown}"
    );
    a.ok(&["devices", "forget", &other]);
    let left = a.json(&["devices"]);
    assert_eq!(left.as_array().map(Vec::len), Some(1), "{left}");
    a.ends(2, &["devices", "forget", &other]);
    // Its sessions ended with it.
    b.ends(4, &["sync"]);
    b.ok(&["login", EMAIL]);
    b.ok(&["sync"]);
}

/// B is the first device that comes back to the restored server, and edits the habit that A had edited.
#[test]
fn an_acknowledged_edit_survives_another_device_that_writes_first() {
    for (edit, clashes) in [(["--color", "#112233"], false), (["--title", "of B"], true)] {
        let mut server = Server::start();
        let (a, b) = (Device::at(server.address()), Device::at(server.address()));
        a.ok(&["register", EMAIL]);
        b.ok(&["login", EMAIL]);
        a.ok(&["habit", "add", "Read"]);
        a.ok(&["sync"]);
        b.ok(&["sync"]);
        server.copy();
        a.ok(&["habit", "edit", "Read", "--title", "of A"]);
        a.ok(&["sync"]);
        a.ok(&["habit", "edit", "of A", "--unit", "pages"]);
        server.restore_copy();
        b.ok(&["sync"]);
        b.ok(&[&["habit", "edit", "Read"], edit.as_slice()].concat());
        b.ok(&["sync"]);

        let synced = a.run(&["sync"]);
        assert_eq!(synced.code, if clashes { 5 } else { 0 }, "{synced:?}");
        if clashes {
            assert!(synced.stdout.contains("of A"), "{synced:?}");
            assert_eq!(seen(&a).0[0].0, "of B", "until the user decides");
        } else {
            b.ok(&["sync"]);
            assert_eq!(seen(&a).0, [("of A".to_owned(), "#112233".to_owned())]);
            must_agree(&server, [&a, &b]);
        }
    }
}

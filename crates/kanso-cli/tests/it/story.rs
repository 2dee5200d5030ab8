//! Two devices of one user and the real server, as processes.

use kanso_client::domain::Record;
use serde_json::Value;

use crate::support::{Device, EMAIL, LOOP_EXPORT, Server, replica};

/// Records of a new device, which are the server's.
fn server_has(server: &Server) -> Vec<Record> {
    let fresh = Device::at(server.address());
    fresh.ok(&["login", EMAIL]);
    fresh.ok(&["sync"]);
    replica(&fresh)
}

fn habit(device: &Device, title: &str) -> Value {
    let habits = device.json(&["habit", "list", "--all"]);
    let habits = habits.as_array().expect("a list");
    let found = habits.iter().find(|habit| habit["title"] == title);
    found.expect(title).clone()
}

#[test]
fn two_devices_import_edit_offline_and_agree() {
    let server = Server::start();
    let (a, b) = (Device::at(server.address()), Device::at(server.address()));

    // A imports before it has ever seen the server.
    a.ok(&["import", "loop", LOOP_EXPORT]);
    a.ok(&["register", EMAIL]);
    let first = a.json(&["sync"]);
    assert_eq!(
        (&first["pushed"], &first["waiting"]),
        (&10.into(), &0.into())
    );

    // B sees the same three habits and their history.
    b.ok(&["login", EMAIL]);
    assert_eq!(b.json(&["sync"])["pulled"], 10);
    assert_eq!(b.titles(), ["bool habit", "someone", "value habit"]);
    assert_eq!(replica(&b), replica(&a));
    let again = b.ok(&["import", "loop", LOOP_EXPORT]);
    assert_eq!(again, "unchanged: 3 habits, 7 entries\n");

    // Both edit without syncing: one habit in conflict, the rest apart.
    a.ok(&["habit", "edit", "value", "--title", "Cups of coffee"]);
    a.ok(&["done", "bool"]);
    a.ok(&["habit", "add", "Only on A"]);
    b.ok(&[
        "habit", "edit", "value", "--title", "Coffee", "--unit", "cups",
    ]);
    b.ok(&["habit", "unarchive", "someone"]);
    b.ok(&["done", "Coffee", "2", "--note", "with milk"]);
    assert_eq!(habit(&b, "Coffee")["pending"], true);

    a.ok(&["sync"]);
    let reported = b.ends(5, &["sync"]);
    for part in ["Cups of coffee", "\"Coffee\"", "title"] {
        assert!(reported.stdout.contains(part), "{reported:?}");
    }
    a.ok(&["sync"]);
    b.ends(5, &["sync"]);

    assert_eq!(replica(&a), replica(&b));
    assert_eq!(replica(&a), server_has(&server));
    assert_eq!(replica(&a).len(), 13);
    assert_eq!(a.titles(), b.titles());
    assert_eq!(
        a.titles(),
        ["Cups of coffee", "Only on A", "bool habit", "someone"]
    );
    assert!(habit(&a, "someone")["archived_at"].is_null());

    // The user decides, and the list is empty.
    let listed = b.ends(5, &["conflicts", "--json"]);
    let listed: Value = serde_json::from_str(&listed.stdout).expect("JSON");
    assert_eq!(listed[0]["status"], "conflict");
    assert_eq!(listed[0]["yours"]["title"], "Coffee");
    assert_eq!(listed[0]["theirs"]["title"], "Cups of coffee");
    let number = listed[0]["id"].to_string();
    b.ok(&["conflicts", "resolve", &number, "--mine"]);
    b.ok(&["sync"]);
    a.ok(&["sync"]);
    assert_eq!(habit(&a, "Coffee")["unit"], "cups");
    assert_eq!(replica(&a), replica(&b));
    assert_eq!(replica(&a), server_has(&server));
}

#[test]
fn edits_wait_while_the_server_is_down() {
    let mut server = Server::start();
    let device = Device::at(server.address());
    device.ok(&["register", EMAIL]);
    device.ok(&["habit", "add", "Read"]);
    device.ok(&["sync"]);
    let old = server.address().to_owned();
    server.crash();
    device.ok(&["done", "Read"]);
    device.ends(3, &["sync", "--server", &old]);
    assert_eq!(device.json(&["status"])["waiting"], 1);

    // The server is back at another address, and the user logs in there.
    device.ends(1, &["sync", "--server", server.address()]);
    device.ok(&["login", EMAIL, "--server", server.address()]);
    let synced = device.json(&["sync", "--server", server.address()]);
    assert_eq!(
        (&synced["pushed"], &synced["resynced"]),
        (&1.into(), &false.into())
    );
    assert_eq!(replica(&device), server_has(&server));
}

#[test]
fn logging_out_ends_the_session_and_keeps_the_habits() {
    let server = Server::start();
    let device = Device::at(server.address());
    device.ok(&["register", EMAIL]);
    device.ok(&["habit", "add", "Read"]);
    device.ok(&["logout"]);
    device.ends(4, &["sync"]);
    assert_eq!(device.titles(), ["Read"]);
    device.ends(1, &["register", EMAIL]);
    device.ok(&["login", EMAIL]);
    assert_eq!(device.json(&["sync"])["pushed"], 1);
}

#[test]
fn an_export_is_complete_and_overwrites_no_file() {
    let server = Server::start();
    let device = Device::at(server.address());
    device.ok(&["register", EMAIL]);
    device.ok(&["habit", "add", "Read"]);
    device.ok(&["sync"]);
    let file = device.home().join("export.ndjson");
    let name = file.to_str().expect("UTF-8");
    let told = device.json(&["export", name]);
    let text = std::fs::read_to_string(&file).expect("it is there");
    assert_eq!(told["lines"], text.lines().count());
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect();
    assert!(lines.iter().any(|line| line["record"]["title"] == "Read"));
    assert_eq!(lines[0]["account"]["email"], EMAIL);

    // No file is overwritten, and without a server there is no export.
    let again = device.ends(2, &["export", name]);
    assert!(again.stderr.contains("already"), "{again:?}");
    let elsewhere = device.home().join("other.ndjson");
    let other = elsewhere.to_str().expect("UTF-8");
    drop(server);
    device.ends(3, &["export", other]);
    assert!(!elsewhere.exists());
}

//! A server that was set up anew, and an account that was made again.

use serde_json::{Value, json};

use crate::support::{Api, Device, EMAIL, Server};

/// A device with records of every kind on the server and in the outbox, and then a new server at the
/// same address.
fn device_of_a_lost_server() -> (Server, Device) {
    let mut server = Server::start();
    let device = Device::at(server.address());
    device.ok(&["register", EMAIL]);
    for number in 0..5 {
        device.ok(&["habit", "add", &format!("Habit {number}"), "--weekly", "2"]);
        device.ok(&[
            "done",
            &format!("Habit {number}"),
            "--on",
            "2026-02-01",
            "--note",
            "old",
        ]);
    }
    device.ok(&["habit", "add", "Old", "--daily"]);
    device.ok(&["habit", "archive", "Old"]);
    device.ok(&["habit", "add", "Gone"]);
    device.ok(&["done", "Gone", "--on", "2026-02-01"]);
    device.ok(&["sync"]);
    device.ok(&["habit", "delete", "Gone", "--yes"]);
    device.ok(&["sync"]);
    device.ok(&["habit", "edit", "Habit 1", "--title", "Waiting edit"]);
    device.ok(&["habit", "add", "Waiting"]);
    device.ok(&["done", "Waiting", "--on", "2026-02-02"]);
    device.ok(&["habit", "delete", "Habit 2", "--yes"]);
    server.set_up_anew();
    (server, device)
}

/// The members of the shown habits and entries that a user writes.
fn shown(device: &Device) -> Vec<String> {
    let members = |value: &Value, names: &[&str]| {
        let members: Vec<_> = names.iter().map(|name| value[*name].to_string()).collect();
        members.join(" ")
    };
    let habits = device.json(&["habit", "list", "--all"]);
    let habits = habits.as_array().expect("a list").iter();
    let habits = habits.map(|habit| {
        members(
            habit,
            &[
                "id",
                "title",
                "frequency_type",
                "times_per_week",
                "archived_at",
            ],
        )
    });
    let entries = device.json(&["log", "--from", "2026-01-01"]);
    let entries = entries.as_array().expect("a list").iter();
    let entries =
        entries.map(|entry| members(entry, &["id", "habit_id", "local_date", "value", "notes"]));
    let mut all: Vec<_> = habits.chain(entries).collect();
    all.sort();
    all
}

#[test]
fn all_records_move_to_the_new_account() {
    let (server, device) = device_of_a_lost_server();
    let before = shown(&device);
    assert_eq!(before.len(), 6 + 5, "{before:?}");
    device.ends(4, &["sync"]);
    Api::register(server.address());
    let told = device.ends(1, &["login", EMAIL]);
    assert!(told.stderr.contains("set up anew"), "{told:?}");
    assert!(told.stderr.contains("kanso adopt"), "{told:?}");
    let asked = device.ends(2, &["adopt", EMAIL]);
    assert!(asked.stderr.contains("--yes"), "{asked:?}");
    assert_eq!(shown(&device), before, "nothing has changed yet");
    let adopted = device.json(&["adopt", EMAIL, "--yes"]);
    assert_eq!(
        (&adopted["habits"], &adopted["entries"], &adopted["adopted"]),
        (&json!(6), &json!(5), &json!(true))
    );
    assert_eq!(shown(&device), before);
    device.ok(&["sync"]);
    assert_eq!(device.json(&["status"])["waiting"], 0);
    let other = Device::at(server.address());
    other.ok(&["login", EMAIL]);
    other.ok(&["sync"]);
    assert_eq!(shown(&other), before);
    // Again: it is the device's own account now.
    let again = device.json(&["adopt", EMAIL, "--yes"]);
    assert_eq!(again["adopted"], false);
    device.ok(&["sync", "--verify"]);
    assert_eq!(shown(&device), before);
}

#[test]
fn the_account_can_be_made_in_the_same_step() {
    let (_server, device) = device_of_a_lost_server();
    let before = shown(&device);
    device.ends(1, &["login", EMAIL]);
    device.ok(&["adopt", EMAIL, "--register", "--yes"]);
    device.ok(&["sync"]);
    assert_eq!(shown(&device), before);
}

#[test]
fn two_devices_may_adopt_one_account() {
    let mut server = Server::start();
    let phone = Device::at(server.address());
    phone.ok(&["register", EMAIL]);
    phone.ok(&["habit", "add", "Read"]);
    phone.ok(&["habit", "add", "Run"]);
    phone.ok(&["sync"]);
    let laptop = Device::at(server.address());
    laptop.ok(&["login", EMAIL]);
    laptop.ok(&["sync"]);
    laptop.ok(&["habit", "edit", "Run", "--title", "Run far"]);
    server.set_up_anew();
    Api::register(server.address());
    for device in [&phone, &laptop] {
        device.ok(&["adopt", EMAIL, "--yes"]);
    }
    phone.ok(&["sync"]);
    // The two differ in one title: that is for the user to decide.
    laptop.ends(5, &["sync"]);
    let conflicts = laptop.run(&["conflicts", "--json"]).stdout;
    let conflicts: Value = serde_json::from_str(&conflicts).expect("JSON");
    assert_eq!(conflicts[0]["clashing"], json!(["title"]));
    let id = conflicts[0]["id"].to_string();
    laptop.ok(&["conflicts", "resolve", &id, "--mine"]);
    laptop.ok(&["sync"]);
    phone.ok(&["sync"]);
    assert_eq!(phone.titles(), ["Read", "Run far"]);
    assert_eq!(laptop.titles(), ["Read", "Run far"]);
}

#[test]
fn settings_move_too_unless_the_new_account_has_some() {
    for chosen in [None, Some("America/Lima")] {
        let mut server = Server::start();
        let device = Device::at(server.address());
        device.ok(&["register", EMAIL]);
        device.ok(&["habit", "add", "Read"]);
        device.ok(&[
            "settings",
            "--timezone",
            "Europe/Rome",
            "--day-start",
            "03:00",
        ]);
        device.ok(&["sync"]);
        server.set_up_anew();
        let api = Api::register(server.address());
        if let Some(zone) = chosen {
            api.send("PATCH", "/auth/user", &json!({"timezone": zone}));
        }
        device.ok(&["adopt", EMAIL, "--yes"]);
        device.ok(&["sync"]);
        let expected = chosen.unwrap_or("Europe/Rome");
        assert_eq!(api.get("/auth/user")["timezone"], expected);
        assert_eq!(device.json(&["settings"])["timezone"], expected);
    }
}

#[test]
fn a_bound_device_registers_no_other_account() {
    let server = Server::start();
    let device = Device::at(server.address());
    device.ok(&["register", EMAIL]);
    let refused = device.ends(1, &["register", "bob@example.org"]);
    assert!(refused.stderr.contains(EMAIL), "{refused:?}");
    let other = Device::at(server.address());
    other.ends(1, &["login", "bob@example.org"]);
    device.ok(&["sync"]);
}

#[test]
fn an_interrupted_adoption_changes_nothing() {
    let (server, device) = device_of_a_lost_server();
    let before = shown(&device);
    Api::register(server.address());
    // A wrong password, and no server.
    let wrong = device.told(
        "wrong horse battery\n",
        &["adopt", EMAIL, "--yes", "--password-stdin"],
    );
    assert_eq!(wrong.code, 1, "{wrong:?}");
    device.ends(
        3,
        &["adopt", EMAIL, "--yes", "--server", "http://127.0.0.1:9"],
    );
    assert_eq!(shown(&device), before);
    device.ok(&["adopt", EMAIL, "--yes"]);
    device.ok(&["sync"]);
    assert_eq!(shown(&device), before);
}

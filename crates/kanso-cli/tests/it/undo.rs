//! Undoing, listing, changing and restoring what was recorded.

use serde_json::{Value, json};

use crate::support::{Device, EMAIL, Server, Times};

fn entries(device: &Device) -> Vec<Value> {
    let log = device.json(&["log", "--from", "2026-01-01"]);
    log.as_array().expect("a list").clone()
}

#[test]
fn undo_takes_back_the_last_thing_of_any_kind() {
    let device = Device::offline();
    let state = || {
        let habits = device.json(&["habit", "list", "--all"]);
        let names = [
            "title",
            "frequency_type",
            "times_per_week",
            "target_value",
            "type",
        ];
        let habits = habits.as_array().expect("a list").iter().map(|habit| {
            let archived = habit["archived_at"].is_null();
            let members = names.map(|name| habit[name].to_string());
            format!("{} {archived}", members.join(" "))
        });
        let entries = entries(&device).into_iter().map(|entry| {
            ["local_date", "kind", "value", "notes"]
                .map(|name| entry[name].to_string())
                .join(" ")
        });
        habits.chain(entries).collect::<Vec<_>>()
    };
    let deeds: &[&[&str]] = &[
        &["habit", "add", "Rest"],
        &["done", "Rest", "--note", "great, 5 sets"],
        &["done", "Rest", "--skip"],
        &["done", "Rest", "--note", "again"],
        &["habit", "edit", "Rest", "--weekly", "3"],
        &[
            "habit",
            "edit",
            "Rest",
            "--title",
            "Sleep",
            "--weekdays",
            "mon,tue",
        ],
        &["habit", "archive", "Sleep"],
        &["habit", "unarchive", "Sleep"],
        &["done", "Sleep", "--on", "2026-02-01"],
        &["entry", "edit", "Sleep", "today", "0", "--note", "none"],
        &["entry", "delete", "Sleep", "today"],
        &["habit", "add", "Water", "--target", "8"],
        &["done", "Water", "3"],
        &["done", "Water", "2"],
        &["habit", "delete", "Water", "--yes"],
        &["habit", "restore", "Water"],
    ];
    let mut before = Vec::new();
    for deed in deeds {
        before.push(state());
        device.ok(deed);
        assert_ne!(state(), *before.last().expect("pushed"), "{deed:?}");
    }
    for (deed, expected) in deeds.iter().zip(&before).rev() {
        device.ok(&["undo"]);
        assert_eq!(state(), *expected, "undo of {deed:?}");
    }
    let nothing = device.ends(2, &["undo"]);
    assert!(nothing.stderr.contains("nothing to undo"), "{nothing:?}");
}

#[test]
fn undo_of_one_habit_leaves_the_others() {
    let device = Device::offline();
    device.ok(&["habit", "add", "Read"]);
    device.ok(&["habit", "add", "Run"]);
    device.ok(&["done", "Read"]);
    device.ok(&["done", "Run"]);
    device.ok(&["undo", "Read"]);
    let log = entries(&device);
    assert_eq!((log.len(), &log[0]["habit"]), (1, &json!("Run")));
}

#[test]
fn undo_reaches_no_further_than_a_day() {
    let times = Times::at("2026-02-01T12:00:00Z");
    let device = Device::offline().under(&times);
    device.ok(&["habit", "add", "Read"]);
    device.ok(&["done", "Read"]);
    times.move_to("2026-02-08T12:00:00Z");
    device.ends(2, &["undo"]);
    device.ends(2, &["undo", "Read"]);
    assert_eq!(entries(&device).len(), 1);
    device.ok(&["undo", "Read", "--on", "2026-02-01"]);
    assert_eq!(entries(&device).len(), 0);
}

#[test]
fn undo_is_sent_and_spares_the_edits_of_other_devices() {
    let server = Server::start();
    let phone = Device::at(server.address());
    phone.ok(&["register", EMAIL]);
    phone.ok(&["habit", "add", "Read", "--description", "first"]);
    phone.ok(&["done", "Read", "--note", "one"]);
    phone.ok(&["sync"]);
    let laptop = Device::at(server.address());
    laptop.ok(&["login", EMAIL]);
    laptop.ok(&["sync"]);
    phone.ok(&["habit", "edit", "Read", "--description", "second"]);
    phone.ok(&["sync"]);
    laptop.ok(&["sync"]);
    laptop.ok(&["habit", "edit", "Read", "--color", "#112233"]);
    laptop.ok(&["sync"]);
    phone.ok(&["sync"]);
    phone.ok(&["undo"]);
    phone.ok(&["sync"]);
    laptop.ok(&["sync"]);
    let habit = &laptop.json(&["habit", "list"])[0];
    assert_eq!(
        (&habit["description"], &habit["color"]),
        (&json!("first"), &json!("#112233"))
    );
    // The same member was changed elsewhere: nothing is overwritten.
    phone.ok(&["habit", "edit", "Read", "--description", "third"]);
    phone.ok(&["sync"]);
    laptop.ok(&["sync"]);
    laptop.ok(&["habit", "edit", "Read", "--description", "of the laptop"]);
    laptop.ok(&["sync"]);
    phone.ok(&["sync"]);
    let refused = phone.ends(1, &["undo"]);
    assert!(refused.stderr.contains("changed since"), "{refused:?}");
    assert_eq!(
        phone.json(&["habit", "list"])[0]["description"],
        "of the laptop"
    );
}

#[test]
fn a_deleted_habit_comes_back_with_its_entries() {
    let server = Server::start();
    let phone = Device::at(server.address());
    phone.ok(&["register", EMAIL]);
    phone.ok(&["habit", "add", "Read"]);
    phone.ok(&["done", "Read", "--on", "2026-11-20"]);
    phone.ok(&["done", "Read", "--on", "2026-11-21"]);
    phone.ok(&["sync"]);
    let laptop = Device::at(server.address());
    laptop.ok(&["login", EMAIL]);
    laptop.ok(&["sync"]);
    // Not sent yet, sent, and deleted by the other device.
    for (deletes, sends) in [(&phone, false), (&phone, true), (&laptop, true)] {
        deletes.ok(&["habit", "delete", "Read", "--yes"]);
        if sends {
            deletes.ok(&["sync"]);
            phone.ok(&["sync"]);
        }
        phone.ends(2, &["done", "Read"]);
        phone.ok(&["habit", "restore", "read"]);
        for device in [&phone, &laptop, &phone] {
            device.ok(&["sync"]);
        }
        for device in [&phone, &laptop] {
            assert_eq!(device.titles(), ["Read"]);
            let log = device.json(&["log", "Read", "--from", "2026-11-01"]);
            assert_eq!(log.as_array().map(Vec::len), Some(2), "{log}");
        }
    }
    phone.ends(2, &["habit", "restore", "Read"]);
}

#[test]
fn a_deletion_by_a_script_is_not_asked_for() {
    let device = Device::offline();
    for options in [&[][..], &["--yes"]] {
        device.ok(&["habit", "add", "Read"]);
        device.ok(&[&["habit", "delete", "Read"], options].concat());
        assert_eq!(device.titles(), [""; 0]);
    }
}

/// `script` of util-linux runs a command on a terminal of its own.
#[cfg(target_os = "linux")]
#[test]
fn a_deletion_is_asked_for_on_a_terminal() {
    use std::process::{Command, Stdio};
    let device = Device::offline();
    device.ok(&["habit", "add", "Read"]);
    for (answer, left) in [("n", 1), ("", 1), ("y", 0)] {
        let kanso = format!("{} habit delete Read", env!("CARGO_BIN_EXE_kanso"));
        let terminal = Command::new("script")
            .args(["--quiet", "--return", "--command", &kanso, "/dev/null"])
            .env("KANSO_HOME", device.home())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        // Not every system has the program.
        let Ok(mut terminal) = terminal else {
            return;
        };
        let mut keys = terminal.stdin.take().expect("it is piped");
        std::io::Write::write_all(&mut keys, format!("{answer}\n").as_bytes()).expect("types");
        let ended = terminal.wait_with_output().expect("ends");
        let screen = String::from_utf8_lossy(&ended.stdout).into_owned();
        assert!(screen.contains("Delete \"Read\""), "{screen}");
        assert_eq!(device.titles().len(), left, "{screen}");
    }
}

#[test]
fn entries_are_listed_and_changed_by_name() {
    let device = Device::offline();
    device.ok(&["habit", "add", "Water", "--target", "8", "--unit", "cups"]);
    device.ok(&["habit", "add", "Read"]);
    device.ok(&[
        "done",
        "Water",
        "3",
        "--on",
        "2026-02-01",
        "--note",
        "morning",
    ]);
    device.ok(&["done", "Water", "2", "--on", "2026-02-01"]);
    device.ok(&["done", "Read", "--on", "2026-02-02"]);
    let log = device.ok(&["log", "--from", "2026-01-01"]);
    assert!(log.contains("morning") && log.contains("3 cups"), "{log}");
    let water = device.json(&["log", "Water", "--on", "2026-02-01"]);
    assert_eq!(water.as_array().map(Vec::len), Some(2));
    let several = device.ends(2, &["entry", "edit", "Water", "2026-02-01", "5"]);
    assert!(several.stderr.contains("--id"), "{several:?}");
    let morning = water
        .as_array()
        .expect("a list")
        .iter()
        .find(|entry| entry["notes"] == "morning");
    let id = morning.expect("it is there")["id"].as_str().expect("an id");
    let edited = device.json(&[
        "entry",
        "edit",
        "Water",
        "2026-02-01",
        "5.5",
        "--id",
        id,
        "--note",
        "noon",
    ]);
    assert_eq!(
        (&edited["value"], &edited["notes"]),
        (&json!(5.5), &json!("noon"))
    );
    let moved = device.json(&[
        "entry",
        "edit",
        "Water",
        "2026-02-01",
        "--id",
        id,
        "--to",
        "2026-02-03",
    ]);
    assert_eq!(moved["local_date"], "2026-02-03");
    device.ok(&["entry", "edit", "Read", "2026-02-02", "--skip"]);
    assert_eq!(
        device.json(&["log", "Read", "--on", "2026-02-02"])[0]["kind"],
        "skip"
    );
    device.ok(&["entry", "delete", "Water", "2026-02-01"]);
    assert_eq!(
        device.json(&["log", "Water", "--on", "2026-02-01"]),
        json!([])
    );
    device.ends(2, &["entry", "edit", "Read", "2026-02-02"]);
    device.ends(2, &["entry", "delete", "Read", "2026-02-20"]);
}

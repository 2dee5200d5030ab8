//! A device that was offline for a year, while the server purged tombstones and results.

use std::time::Duration;

use kanso_client::Client;
use kanso_client::domain::QuantityChange;
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::support::{Api, Device, EMAIL, Server, Times, replica};

/// Time limit for the purge that the server does at its start.
const PATIENCE: Duration = Duration::from_secs(30);
const STEP: Duration = Duration::from_millis(20);

/// Two devices of one user with the same records, and their server.
struct LongAbsence {
    times: Times,
    server: Server,
    tablet: Device,
    phone: Device,
}

impl LongAbsence {
    /// On 10 January 2026, at noon.
    fn new() -> Self {
        let times = Times::at("2026-01-10T12:00:00Z");
        let server = Server::start_under(&times);
        let device = || Device::at(server.address()).under(&times);
        let (tablet, phone) = (device(), device());
        tablet.ok(&["register", EMAIL]);
        tablet.ok(&["habit", "add", "Read"]);
        tablet.ok(&["habit", "add", "Water", "--target", "2000", "--unit", "ml"]);
        for title in ["Stretch", "Tea", "Piano"] {
            tablet.ok(&["habit", "add", title]);
            tablet.ok(&["done", title]);
        }
        tablet.ok(&["done", "Read"]);
        tablet.ok(&["done", "Water", "500"]);
        tablet.ok(&["sync"]);
        phone.ok(&["login", EMAIL]);
        phone.ok(&["sync"]);
        assert_eq!(replica(&phone), replica(&tablet));
        Self {
            times,
            server,
            tablet,
            phone,
        }
    }

    /// Lets a year pass for the server and the tablet. After a restart the server has purged the
    /// deletions of January and the results of that time.
    fn a_year_passes(&mut self) {
        let (times, tablet) = (&self.times, &self.tablet);
        times.move_to("2026-01-11T12:00:00Z");
        tablet.ok(&["habit", "edit", "Read", "--title", "Read more"]);
        tablet.ok(&["habit", "delete", "Piano", "--yes"]);
        tablet.ok(&["undo", "Stretch", "--on", "yesterday"]);
        tablet.ok(&["done", "Read"]);
        adds(tablet, 100);
        tablet.ok(&["sync"]);
        // Never 90 days without a sync, after which it would have to log in again.
        for day in ["2026-04-01", "2026-06-20", "2026-09-10", "2026-11-30"] {
            times.move_to(&format!("{day}T12:00:00Z"));
            tablet.ok(&["done", "Read", "--note", day]);
            tablet.ok(&["sync"]);
        }
        times.move_to("2027-01-09T12:00:00Z");
        tablet.ok(&["done", "Read"]);
        tablet.ok(&["sync"]);
        times.move_to("2027-01-10T12:00:00Z");
        // A session ends a year after its log-in.
        tablet.ok(&["login", EMAIL]);
        self.server.restart();
        self.forgets();
    }

    /// Waits until only the ids of the deleted habit and entry are left of January, and no results.
    fn forgets(&self) {
        let database = Connection::open(self.server.folder().join("kanso.db")).expect("opens");
        let count = |sql: &str| -> i64 {
            let count = database.query_row(sql, [], |row| row.get(0));
            count.expect("counts")
        };
        let old = "SELECT count(*) FROM receipts
                   WHERE created_at < unixepoch('2026-10-01') * 1000000";
        let graves = "SELECT count(*) FROM graves";
        let mut kept = (0, 0);
        for _ in 0..PATIENCE.as_millis() / STEP.as_millis() {
            kept = (count(graves), count(old));
            if kept == (2, 0) {
                return;
            }
            std::thread::sleep(STEP);
        }
        panic!("tombstones and results that are a year old: {kept:?}");
    }

    /// A new device, which has the server's records.
    fn new_device(&self) -> Device {
        let new_device = Device::at(self.server.address()).under(&self.times);
        new_device.ok(&["login", EMAIL]);
        new_device.ok(&["sync"]);
        new_device
    }
}

/// Adds to the only entry of the habit Water, as an app does.
fn adds(device: &Device, ml: i64) {
    let client = Client::open(device.home()).expect("opens");
    let habits = client.habits().expect("reads");
    let mut named = habits.iter().map(|shown| &shown.record);
    let water = named.find(|habit| habit.details.title.as_str() == "Water");
    let day = "2026-01-10".parse().expect("a day");
    let entries = client.entries(water.map(|habit| habit.id), day, day);
    let entry = entries.expect("reads")[0].record.id;
    let change = QuantityChange::from_thousandths(ml * 1000).expect("an amount");
    client.add_to_entry(entry, change).expect("adds");
}

/// Makes the nine edits of the phone while it is offline.
fn writes(phone: &Device) {
    phone.ok(&["habit", "add", "Chess"]);
    phone.ok(&["done", "Chess", "--note", "on the phone"]);
    phone.ok(&[
        "done",
        "Read",
        "--on",
        "yesterday",
        "--note",
        "on the phone",
    ]);
    phone.ok(&["habit", "edit", "Read", "--color", "#112233"]);
    adds(phone, 250);
    phone.ok(&["habit", "delete", "Tea", "--yes"]);
    // Also to records that the tablet will delete tomorrow.
    phone.ok(&["habit", "edit", "Piano", "--color", "#445566"]);
    phone.ok(&["done", "Piano", "--on", "yesterday", "--note", "a waltz"]);
    phone.ok(&["done", "Stretch", "--note", "ten minutes"]);
}

/// Account, number of waiting changes and state in the output of `kanso status`.
fn status(device: &Device) -> (Value, Value, Value) {
    let mut status = device.json(&["status"]);
    let mut member = |name: &str| status[name].take();
    (member("account"), member("waiting"), member("state"))
}

fn signed_out_and_in_again(phone: &Device) {
    let waits = |state: &str| (json!(EMAIL), json!(9), json!(state));
    assert_eq!(status(phone), waits("waiting"));
    let message = phone.ends(4, &["sync"]).stderr;
    assert!(message.contains("on this device has ended"), "{message}");
    assert!(
        message.contains(&format!("kanso login {EMAIL}")),
        "{message}"
    );
    assert_eq!(status(phone), waits("signed_out"));
    // All records are still on the signed-out phone.
    assert_eq!(
        phone.titles(),
        ["Chess", "Piano", "Read", "Stretch", "Water"]
    );
    phone.ok(&["login", EMAIL]);
    assert_eq!(status(phone), waits("waiting"));
}

/// Six of the nine operations are applied; the edits of deleted records are reported as conflicts.
fn syncs(phone: &Device) {
    let synced = phone.ends(5, &["sync"]);
    assert!(synced.stdout.contains("Sent 6 changes"), "{synced:?}");
    assert!(
        synced.stderr.contains("away: all records were read again"),
        "{synced:?}"
    );
    for lost in [
        "a habit, ",
        "color: you wrote \"#445566\"\n",
        "the new entry of a deleted habit on 2026-01-09 was deleted on another device",
        "notes: you wrote \"a waltz\"\n",
        "notes: you wrote \"ten minutes\"\n",
    ] {
        assert!(synced.stdout.contains(lost), "{lost}: {synced:?}");
    }
    assert!(!synced.stdout.contains("habit_id"), "{synced:?}");
    let listed = phone.ends(5, &["conflicts"]);
    assert!(!listed.stderr.contains("--mine"), "{listed:?}");
    let listed = phone.ends(5, &["conflicts", "--json"]);
    let listed: Value = serde_json::from_str(&listed.stdout).expect("JSON");
    let listed = listed.as_array().expect("a list");
    assert_eq!(listed.len(), 3);
    for failure in listed {
        assert_eq!(failure["status"], "gone", "{failure}");
        let number = failure["id"].to_string();
        phone.ends(1, &["conflicts", "resolve", &number, "--mine"]);
        phone.ok(&["conflicts", "resolve", &number, "--theirs"]);
    }
    assert_eq!(status(phone).2, "idle");
}

#[test]
fn a_device_offline_for_a_year_loses_nothing_and_revives_nothing() {
    let mut absence = LongAbsence::new();
    writes(&absence.phone);
    absence.a_year_passes();
    signed_out_and_in_again(&absence.phone);
    syncs(&absence.phone);

    let (phone, tablet) = (&absence.phone, &absence.tablet);
    phone.ok(&["done", "Read more"]);
    phone.ok(&["sync"]);
    tablet.ok(&["sync"]);
    let new_device = absence.new_device();
    let stored = replica(&new_device);
    for device in [phone, tablet] {
        assert_eq!(replica(device), stored);
        assert_eq!(device.titles(), ["Chess", "Read more", "Stretch", "Water"]);
        assert_eq!(status(device), (json!(EMAIL), json!(0), json!("idle")));
        let verified = device.json(&["sync", "--verify"]);
        for (name, none) in [
            ("repaired", json!(0)),
            ("differs", json!(false)),
            ("resynced", json!(false)),
        ] {
            assert_eq!(verified[name], none, "{verified}");
        }
    }
    check_sums(&absence);
}

/// Checks the sums of each habit on the devices and on the server: each entry counts once.
fn check_sums(absence: &LongAbsence) {
    let api = Api::login(absence.server.address());
    let habits = api.get("/habits");
    let habits = habits.as_array().expect("a list");
    // The sum, the longest streak and the current one. Read: the phone's day before the tablet's
    // two of January, and yesterday and today.
    let expected = [
        ("Chess", "#4CAF50", [1, 1, 0]),
        ("Read more", "#112233", [9, 3, 2]),
        ("Stretch", "#4CAF50", [0, 0, 0]),
        ("Water", "#4CAF50", [850, 0, 0]),
    ];
    assert_eq!(habits.len(), expected.len());
    for (title, color, [sum, longest, current]) in expected {
        let mut titled = habits.iter().filter(|habit| habit["title"] == title);
        let habit = titled.next().expect(title);
        assert_eq!(habit["color"], color, "{habit}");
        assert_eq!(habit["longest_streak"], longest, "{habit}");
        assert_eq!(habit["current_streak"], current, "{habit}");
        let id = habit["id"].as_str().expect("an id");
        let stats = api.get(&format!("/stats/habits/{id}"));
        let years = stats["years"].as_array().expect("a list").iter();
        let sums = years.map(|year| year["value"].as_i64().expect("a whole number"));
        assert_eq!(sums.sum::<i64>(), sum, "{stats}");
        for device in [&absence.phone, &absence.tablet] {
            assert_eq!(device.json(&["stats", title]), stats);
        }
    }
}

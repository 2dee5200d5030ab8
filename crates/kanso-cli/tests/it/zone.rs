//! The zone of the machine and the zone of the account.

use serde_json::json;

use crate::support::{Api, Device, EMAIL, Server};

#[test]
fn the_machines_zone_is_the_default() {
    for (variable, zone) in [
        ("Asia/Tokyo", "Asia/Tokyo"),
        (":America/Lima", "America/Lima"),
        ("/usr/share/zoneinfo/Europe/Rome", "Europe/Rome"),
        ("UTC", "UTC"),
        ("Etc/UTC", "UTC"),
    ] {
        let device = Device::offline().with("TZ", variable);
        device.ok(&["habit", "add", "Read"]);
        let done = device.json(&["done", "Read"]);
        assert_eq!(done["timezone"], zone);
        assert_eq!(device.json(&["status"])["timezone"], zone);
        assert_eq!(device.json(&["settings"])["device_timezone"], zone);
        let other = device.json(&["done", "Read", "--tz", "Asia/Kolkata", "--on", "2026-02-01"]);
        assert_eq!(other["timezone"], "Asia/Kolkata", "--tz wins");
    }
    let strange = Device::offline().with("TZ", "JST-9");
    assert_eq!(strange.json(&["status"])["timezone"], "UTC");
}

#[test]
fn a_new_account_gets_the_zone_of_the_machine() {
    let server = Server::start();
    let device = Device::at(server.address()).with("TZ", "Asia/Tokyo");
    device.ok(&["register", EMAIL]);
    assert_eq!(
        Api::login(server.address()).get("/auth/user")["timezone"],
        "Asia/Tokyo"
    );
    let other = Device::at(server.address()).with("TZ", "Europe/Rome");
    let login = other.ends(0, &["login", EMAIL]);
    assert!(login.stderr.contains("Europe/Rome"), "{login:?}");
    assert!(login.stderr.contains("kanso settings"), "{login:?}");
    other.ok(&["sync"]);
    assert_eq!(
        other.json(&["status"])["timezone"],
        "Asia/Tokyo",
        "the account's"
    );
    let today = other.ends(0, &["today"]);
    assert!(today.stderr.contains("Europe/Rome"), "{today:?}");
    other.ok(&["settings", "--timezone", "system"]);
    assert!(!other.ends(0, &["today"]).stderr.contains("This machine"));
    assert_eq!(
        Api::login(server.address()).get("/auth/user")["timezone"],
        "Europe/Rome"
    );
}

#[test]
fn a_choice_is_never_overwritten() {
    let server = Server::start();
    let api = Api::register(server.address());
    // UTC by choice looks like UTC by default, but for its place in the history.
    api.send("PATCH", "/auth/user", &json!({"timezone": "Europe/Rome"}));
    api.send("PATCH", "/auth/user", &json!({"timezone": "UTC"}));
    let device = Device::at(server.address()).with("TZ", "Asia/Tokyo");
    device.ok(&["login", EMAIL]);
    device.ok(&["sync"]);
    assert_eq!(api.get("/auth/user")["timezone"], "UTC");
    assert_eq!(device.json(&["settings"])["timezone"], "UTC");

    let server = Server::start();
    let api = Api::register(server.address());
    let device = Device::at(server.address()).with("TZ", "Asia/Tokyo");
    device.ok(&["login", EMAIL]);
    assert_eq!(
        api.get("/auth/user")["timezone"],
        "Asia/Tokyo",
        "nothing was chosen"
    );
}

#[test]
fn settings_are_shown_and_changed() {
    let server = Server::start();
    let device = Device::at(server.address());
    // Before the first log-in, for the account that comes.
    device.ok(&[
        "settings",
        "--timezone",
        "Europe/Rome",
        "--week-start",
        "sunday",
    ]);
    let settings = device.json(&["settings", "--day-start", "04:00"]);
    assert_eq!(settings["timezone"], "Europe/Rome");
    assert_eq!(
        (&settings["week_start"], &settings["day_start"]),
        (&json!("sunday"), &json!("04:00"))
    );
    device.ok(&["register", EMAIL]);
    let account = Api::login(server.address()).get("/auth/user");
    assert_eq!(account["timezone"], "Europe/Rome");
    assert_eq!(
        (&account["week_start"], &account["day_start"]),
        (&json!("sunday"), &json!("04:00"))
    );
    let settings = device.json(&["settings", "--week-start", "saturday"]);
    assert_eq!(
        (&settings["week_start"], &settings["timezone"]),
        (&json!("saturday"), &json!("Europe/Rome"))
    );
    device.ends(2, &["settings", "--timezone", "Moon/Sea"]);
    device.ends(2, &["settings", "--day-start", "13:00"]);
    assert!(device.ok(&["settings"]).contains("saturday"));
}

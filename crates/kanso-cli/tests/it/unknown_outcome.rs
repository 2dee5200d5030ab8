//! An increment with a lost answer, on a device that returns after the server has purged the result.

use std::io::Read as _;
use std::net::TcpListener;

use kanso_client::Client;
use kanso_client::domain::QuantityChange;
use serde_json::{Value, json};

use crate::support::{Device, EMAIL, Server, Times};

const DAY: &str = "2026-01-10";

/// Adds 250 ml to the entry of the day, as an app does.
fn drinks(phone: &Device) {
    let client = Client::open(phone.home()).expect("opens");
    let day = DAY.parse().expect("a day");
    let entries = client.entries(None, day, day).expect("reads");
    let change = QuantityChange::from_thousandths(250_000).expect("an amount");
    let entry = entries[0].record.id;
    client.add_to_entry(entry, change).expect("adds");
}

/// Value of the entry of the day on the device.
fn drunk(phone: &Device) -> f64 {
    let client = Client::open(phone.home()).expect("opens");
    let day = DAY.parse().expect("a day");
    let entries = client.entries(None, day, day).expect("reads");
    entries[0].record.details.value.to_f64()
}

/// Syncs with a listener at `address` that reads the request and never answers.
fn syncs_into_nothing(phone: &Device, address: &str) {
    let listener = TcpListener::bind(address).expect("the port is free");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (mut connection, _) = listener.accept().expect("a connection");
            let read = connection.read(&mut [0; 1024]).expect("a request");
            assert!(read > 0, "the request began to arrive");
        });
        phone.ends(3, &["sync"]);
    });
}

#[test]
fn increment_that_may_be_counted_is_not_sent_again() {
    let times = Times::at("2026-01-10T12:00:00Z");
    let mut server = Server::start_under(&times);
    let phone = Device::at(server.address()).under(&times);
    phone.ok(&["register", EMAIL]);
    phone.ok(&["habit", "add", "Water", "--target", "2000", "--unit", "ml"]);
    phone.ok(&["done", "Water", "500"]);
    phone.ok(&["sync"]);
    drinks(&phone);
    server.while_down(|_| drop(phone.ends(3, &["sync"])));
    drinks(&phone);
    server.while_down(|address| syncs_into_nothing(&phone, address));

    times.move_to("2026-05-01T12:00:00Z");
    server.restart();
    phone.ok(&["login", EMAIL]);
    let synced = phone.ends(5, &["sync"]);
    assert!(
        synced.stdout.contains("was sent and never answered"),
        "{synced:?}"
    );
    let listed = phone.ends(5, &["conflicts"]);
    assert!(listed.stdout.contains("value: you added 250"), "{listed:?}");
    assert!(listed.stdout.contains("and it is 500 now"), "{listed:?}");
    assert!(
        listed.stderr.contains("counts once more with --mine"),
        "{listed:?}"
    );
    let listed: Value =
        serde_json::from_str(&phone.ends(5, &["conflicts", "--json"]).stdout).expect("JSON");
    let listed = listed.as_array().expect("a list");
    assert_eq!(listed.len(), 2, "both went out with that sync");
    assert!(
        listed
            .iter()
            .all(|failure| failure["code"] == "outcome_unknown")
    );

    let [mine, theirs] = [0, 1].map(|nth: usize| listed[nth]["id"].to_string());
    phone.ok(&["conflicts", "resolve", &mine, "--mine"]);
    phone.ok(&["conflicts", "resolve", &theirs, "--theirs"]);
    phone.ok(&["sync"]);
    assert_eq!(drunk(&phone).to_string(), "750");
    assert_eq!(phone.json(&["status"])["state"], json!("idle"));
}

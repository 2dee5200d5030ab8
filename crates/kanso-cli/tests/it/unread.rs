//! A server that is newer than the program: what the program cannot read stops nothing.

use serde_json::{Value, json};

use crate::support::{Api, Device, EMAIL, Proxy, Server};

/// Calls `change` with each change in an answer, wherever it is.
fn each_change(answer: &mut Value, change: &dyn Fn(&mut Value)) {
    for list in ["changes", "records"] {
        for found in answer[list].as_array_mut().into_iter().flatten() {
            change(found);
        }
    }
    for bucket in answer["buckets"].as_array_mut().into_iter().flatten() {
        each_change(bucket, change);
    }
}

/// A server with a habit `Odd` with one entry, and a habit `Even` with one entry.
fn server_with_records() -> Server {
    let server = Server::start();
    let writer = Device::at(server.address());
    writer.ok(&["register", EMAIL]);
    writer.ok(&["habit", "add", "Odd", "--weekly", "3"]);
    writer.ok(&["habit", "add", "Even"]);
    for title in ["Odd", "Even"] {
        writer.ok(&["done", title, "--on", "2026-11-20", "--note", title]);
    }
    writer.ok(&["sync"]);
    server
}

/// The members of a record that a newer server could write in another way.
fn strange_values() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("entry", "timezone", json!("America/New_Place")),
        ("entry", "timezone", json!({"name": "Moon"})),
        ("entry", "kind", json!("paused")),
        ("entry", "value", json!("1/3")),
        ("entry", "completion_date", json!("2026-W47")),
        ("habit", "type", json!("checklist")),
        ("habit", "frequency_type", json!("monthly")),
        ("habit", "target_direction", json!("between")),
        ("habit", "color", json!("oklch(0.7 0.1 200)")),
        ("habit", "weekdays", json!(["second friday"])),
        ("habit", "schedule_history", json!("see elsewhere")),
    ]
}

/// Makes the record of `Odd` strange.
fn make_strange(change: &mut Value, (entity, member, value): &(&str, &str, Value)) {
    let record = &change["record"];
    let is_odd = record["title"] == "Odd" || record["notes"] == "Odd";
    if is_odd && change["entity"] == *entity {
        change["record"][*member] = value.clone();
    }
}

#[test]
fn one_strange_record_stops_no_other() {
    let server = server_with_records();
    for strange in strange_values() {
        let proxy = Proxy::before(server.address());
        let (entity, member, value) = strange.clone();
        let what = format!("{entity} {member} {value}");
        proxy
            .rewriting(move |answer| each_change(answer, &|change| make_strange(change, &strange)));
        let device = Device::at(proxy.address());
        device.ok(&["login", EMAIL]);
        let synced = device.ends(0, &["sync"]);
        assert!(synced.stderr.contains("update kanso"), "{what}: {synced:?}");
        assert_eq!(device.titles(), ["Even", "Odd"], "{what}");
        let log = device.json(&["log", "--on", "2026-11-20"]);
        assert_eq!(log.as_array().map(Vec::len), Some(2), "{what}: {log}");
        let checked = device.ends(0, &["sync", "--verify"]);
        assert!(
            checked.stderr.contains("match the server"),
            "{what}: {checked:?}"
        );
        let status = device.json(&["status"]);
        assert_eq!(status["unread"]["records"], 1, "{what}: {status}");
        device.ok(&["today"]);
        device.ok(&["stats"]);
        // Edits of the others go out.
        device.ok(&["habit", "edit", "Even", "--description", &what]);
        device.ok(&["sync"]);
        assert_eq!(device.json(&["status"])["waiting"], 0, "{what}");
    }
}

#[test]
fn an_edit_of_a_strange_record_keeps_what_is_strange() {
    let server = server_with_records();
    let proxy = Proxy::before(server.address());
    proxy.rewriting(|answer| {
        each_change(answer, &|change| {
            make_strange(change, &("habit", "frequency_type", json!("monthly")));
        });
    });
    let device = Device::at(proxy.address());
    device.ok(&["login", EMAIL]);
    device.ok(&["sync"]);
    device.ok(&["habit", "edit", "Odd", "--description", "still odd"]);
    device.ok(&["sync"]);
    let api = Api::login(server.address());
    let habits = api.get("/habits");
    let odd = habits
        .as_array()
        .expect("a list")
        .iter()
        .find(|habit| habit["title"] == "Odd");
    let odd = odd.expect("it is there");
    assert_eq!(odd["description"], "still odd");
    assert_eq!(
        (&odd["frequency_type"], &odd["times_per_week"]),
        (&json!("weekly"), &json!(3))
    );
}

#[test]
fn an_unknown_kind_of_record_is_kept() {
    let server = server_with_records();
    let proxy = Proxy::before(server.address());
    proxy.rewriting(|answer| {
        if let Some(changes) = answer["changes"].as_array_mut()
            && !changes.is_empty()
        {
            changes.insert(
                0,
                json!({"entity": "tag", "seq": 1, "record": {
                    "id": "0198c2f4-8b7e-7c3a-9d2e-4f5a6b7c8d9e", "name": "health", "version": 1
                }}),
            );
            changes.push(json!({"entity": "mood"}));
            changes.push(json!("a line of another form"));
        }
        // A newer server counts its tags.
        if answer.get("digest").is_some() {
            answer["digest"] = json!("00000000000000aa");
        }
    });
    let device = Device::at(proxy.address());
    device.ok(&["login", EMAIL]);
    let synced = device.ends(0, &["sync"]);
    assert!(synced.stderr.contains("3 records"), "{synced:?}");
    assert_eq!(device.titles(), ["Even", "Odd"]);
    let checked = device.json(&["sync", "--verify"]);
    assert_eq!(
        (&checked["incomparable"], &checked["differs"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(device.titles(), ["Even", "Odd"]);
    let kept = stored(
        &device,
        "SELECT record FROM foreign_records WHERE entity = 'tag'",
    );
    assert!(kept.contains("health"), "{kept}");
}

#[test]
fn an_unknown_result_leaves_the_operation_in_the_outbox() {
    let server = server_with_records();
    let proxy = Proxy::before(server.address());
    let device = Device::at(proxy.address());
    device.ok(&["login", EMAIL]);
    device.ok(&["sync"]);
    proxy.rewriting(|answer| {
        for result in answer["results"].as_array_mut().into_iter().flatten() {
            result["status"] = json!("postponed");
        }
    });
    device.ok(&["habit", "add", "Third"]);
    let synced = device.ends(0, &["sync"]);
    assert!(synced.stderr.contains("update kanso"), "{synced:?}");
    assert_eq!(device.json(&["status"])["unread"]["results"], 1);
    proxy.plain();
    device.ok(&["sync"]);
    let status = device.json(&["status"]);
    assert_eq!(
        (&status["waiting"], &status["unread"]["results"]),
        (&json!(0), &json!(0))
    );
    assert_eq!(device.titles(), ["Even", "Odd", "Third"]);
}

#[test]
fn unknown_settings_fall_back_with_a_remark() {
    let server = server_with_records();
    let api = Api::login(server.address());
    api.send(
        "PATCH",
        "/auth/user",
        &json!({"timezone": "Europe/Rome", "day_start": "03:30"}),
    );
    let proxy = Proxy::before(server.address());
    proxy.rewriting(|answer| {
        let strange = |settings: &mut Value| {
            settings["timezone"] = json!("America/New_Place");
            settings["week_start"] = json!("wednesday");
        };
        if answer.get("day_start").is_some() {
            strange(answer);
        }
        each_change(answer, &|change| {
            if change["entity"] == "user" {
                strange(&mut change["record"]);
            }
        });
    });
    let device = Device::at(proxy.address()).with("TZ", "Asia/Tokyo");
    device.ok(&["login", EMAIL]);
    let synced = device.ends(0, &["sync"]);
    assert!(synced.stderr.contains("America/New_Place"), "{synced:?}");
    let settings = device.json(&["settings"]);
    assert_eq!(settings["timezone"], "Asia/Tokyo", "the zone of the device");
    assert_eq!(settings["week_start"], "monday");
    assert_eq!(settings["day_start"], "03:30", "what is known is in force");
    let status = device.json(&["status"]);
    assert_eq!(
        status["unread"]["settings"]["timezone"],
        "America/New_Place"
    );
    assert_eq!(device.titles(), ["Even", "Odd"]);
    // Nothing was sent back to the account.
    assert_eq!(api.get("/auth/user")["timezone"], "Europe/Rome");
}

/// The first text that `query` finds in the replica.
fn stored(device: &Device, query: &str) -> String {
    let replica = rusqlite::Connection::open(device.home().join("replica.db")).expect("opens");
    replica
        .query_row(query, [], |row| row.get(0))
        .expect("finds")
}

#[test]
fn kept_records_are_read_after_an_update() {
    let server = server_with_records();
    let proxy = Proxy::before(server.address());
    proxy.rewriting(|answer| {
        each_change(answer, &|change| {
            make_strange(change, &("entry", "timezone", json!("America/New_Place")));
        });
    });
    let device = Device::at(proxy.address());
    device.ok(&["login", EMAIL]);
    device.ok(&["sync"]);
    let raw = stored(&device, "SELECT record FROM base WHERE reading = 1");
    assert!(raw.contains("America/New_Place"), "as it came: {raw}");

    // What another device can read is here what this version could not: the same state, made from
    // readable records, as an older version would have left it.
    let updated = Device::at(server.address());
    updated.ok(&["login", EMAIL]);
    updated.ok(&["sync"]);
    let replica = rusqlite::Connection::open(updated.home().join("replica.db")).expect("opens");
    replica
        .execute_batch(
            "INSERT INTO foreign_records (entity, id, seq, record, is_staged)
             SELECT entity, id, seq,
                    json_object('entity', entity, 'seq', seq, 'record', json(record)), 0
             FROM base WHERE record ->> '$.title' = 'Even';
             DELETE FROM base WHERE record ->> '$.title' = 'Even';
             UPDATE base SET reading = 1 WHERE record ->> '$.notes' = 'Odd';
             UPDATE shown SET record = json_set(record, '$.timezone', NULL), is_stand_in = 1
             WHERE record ->> '$.notes' = 'Odd';
             DELETE FROM shown WHERE record ->> '$.title' = 'Even';
             UPDATE replica SET reader = 'an older version';",
        )
        .expect("changes");
    drop(replica);
    assert_eq!(updated.titles(), ["Even", "Odd"]);
    let log = updated.json(&["log", "Odd", "--on", "2026-11-20"]);
    assert_eq!(log[0]["timezone"], "UTC");
    assert_eq!(updated.json(&["status"])["unread"]["records"], 0);
    let checked = updated.ends(0, &["sync", "--verify"]);
    assert!(checked.stderr.contains("match the server"), "{checked:?}");
}

#[test]
fn a_strange_record_goes_to_another_account_as_it_came() {
    let mut server = server_with_records();
    let proxy = Proxy::before(server.address());
    proxy.rewriting(|answer| {
        each_change(answer, &|change| {
            make_strange(change, &("entry", "timezone", json!("America/New_Place")));
        });
    });
    let device = Device::at(proxy.address());
    device.ok(&["login", EMAIL]);
    device.ok(&["sync"]);
    server.set_up_anew();
    Api::register(server.address());
    device.ok(&["adopt", EMAIL, "--yes"]);
    // The new server does not know the zone. It refuses this entry alone, and nothing of it is lost.
    device.ends(5, &["sync"]);
    let conflicts = device.run(&["conflicts", "--json"]).stdout;
    let conflicts: Value = serde_json::from_str(&conflicts).expect("JSON");
    assert_eq!(conflicts.as_array().map(Vec::len), Some(1), "{conflicts}");
    let yours = &conflicts[0]["yours"];
    assert_eq!(
        (&yours["timezone"], &yours["notes"]),
        (&json!("America/New_Place"), &json!("Odd"))
    );
    assert_eq!(device.titles(), ["Even", "Odd"]);
    let entries = Api::login(server.address()).get("/entries?from=2026-01-01");
    assert_eq!(entries.as_array().map(Vec::len), Some(1), "{entries}");
}

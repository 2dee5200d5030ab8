//! Recording entries, offline.

use crate::support::Device;

#[test]
fn a_boolean_entry_exists_once_a_day() {
    let device = Device::offline();
    device.ok(&["habit", "add", "Meditate"]);
    let first = device.json(&["done", "Meditate"]);
    assert_eq!(
        (&first["value"], &first["timezone"]),
        (&1.into(), &"UTC".into())
    );
    let again = device.json(&["done", "Meditate", "--note", "ten minutes"]);
    assert_eq!(again["id"], first["id"]);
    assert_eq!(again["notes"], "ten minutes");
    let no = device.json(&["done", "Meditate", "0"]);
    assert_eq!((&no["id"], &no["value"]), (&first["id"], &0.into()));
    let skip = device.json(&["done", "Meditate", "--skip"]);
    assert_eq!((&skip["id"], &skip["kind"]), (&first["id"], &"skip".into()));
    device.ok(&["entry", "delete", "Meditate", "today"]);
    let today = device.json(&["today"]);
    assert_eq!(today["habits"][0]["entries"], serde_json::json!([]));
    device.ends(2, &["entry", "delete", "Meditate", "today"]);
}

#[test]
fn amounts_add_up() {
    let device = Device::offline();
    device.ok(&["habit", "add", "Water", "--target", "2000", "--unit", "ml"]);
    device.ends(2, &["done", "Water"]);
    device.ok(&["done", "Water", "250.5"]);
    device.ok(&["done", "Water", "500"]);
    let today = device.json(&["today"]);
    assert_eq!(today["habits"][0]["sum"], 750.5);
    assert!(device.ok(&["today"]).contains("750.5 ml"));
    device.ok(&["done", "Water", "2000"]);
    assert!(device.ok(&["today"]).contains("[x]"));
}

#[test]
fn another_day_is_that_day_in_every_zone() {
    let device = Device::offline();
    device.ok(&["habit", "add", "Meditate"]);
    let entry = device.json(&[
        "done",
        "Meditate",
        "--on",
        "2026-03-08",
        "--tz",
        "Pacific/Apia",
    ]);
    assert_eq!(entry["local_date"], "2026-03-08");
    assert_eq!(entry["completion_date"], "2026-03-08T00:00:00.000000Z");
    assert_eq!(entry["timezone"], "Pacific/Apia");
    device.ok(&["undo", "Meditate", "--on", "2026-03-08"]);
    device.ends(2, &["done", "Meditate", "--on", "2026-02-30"]);
    device.ends(2, &["done", "Meditate", "--tz", "Nowhere/Land"]);
    device.ok(&["done", "Meditate", "--on", "yesterday"]);
    let today = device.json(&["today"]);
    assert_eq!(today["habits"][0]["entries"], serde_json::json!([]));
}

#[test]
fn today_shows_what_is_due() {
    let device = Device::offline();
    device.ok(&["habit", "add", "Daily"]);
    device.ok(&["habit", "add", "Past", "--end", "2020-01-01"]);
    device.ok(&["habit", "add", "Future", "--start", "2999-01-01"]);
    device.ok(&["habit", "add", "Away"]);
    device.ok(&["habit", "archive", "Away"]);
    let today = device.ok(&["today"]);
    assert!(today.contains("[ ]  Daily"), "{today}");
    for hidden in ["Past", "Future", "Away"] {
        assert!(!today.contains(hidden), "{today}");
    }
}

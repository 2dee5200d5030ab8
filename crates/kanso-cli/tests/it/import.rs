//! Importing a real export of Loop Habit Tracker, offline.

use crate::support::{Device, LOOP_EXPORT};

#[test]
fn a_dry_run_reports_each_row_and_changes_nothing() {
    let device = Device::offline();
    let report = device.ok(&["import", "loop", LOOP_EXPORT, "--dry-run"]);
    for line in ["value habit  2026-07-02  new", "new: 3 habits, 7 entries"] {
        assert!(report.contains(line), "{report}");
    }
    assert!(report.contains("3 times in 14 days becomes"), "{report}");
    assert!(device.titles().is_empty());
    assert_eq!(device.json(&["status"])["waiting"], 0);
}

#[test]
fn importing_twice_changes_nothing() {
    let device = Device::offline();
    device.ok(&["import", "loop", LOOP_EXPORT]);
    assert_eq!(device.titles(), ["bool habit", "someone", "value habit"]);
    assert_eq!(device.json(&["status"])["waiting"], 10);
    let again = device.ok(&["import", "loop", LOOP_EXPORT]);
    assert_eq!(again, "unchanged: 3 habits, 7 entries\n");
    assert_eq!(device.json(&["status"])["waiting"], 10);
}

#[test]
fn file_that_is_not_an_export_is_rejected_in_one_line() {
    let device = Device::offline();
    for file in [
        concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
        "/nowhere.zip",
    ] {
        let ended = device.ends(1, &["import", "loop", file]);
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    }
}

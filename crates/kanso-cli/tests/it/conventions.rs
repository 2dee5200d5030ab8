//! Output, messages and exit codes.

use crate::support::{Device, LOOP_EXPORT};

#[test]
fn output_fits_eighty_columns_and_has_no_colours() {
    let device = Device::offline();
    device.ok(&["import", "loop", LOOP_EXPORT]);
    let long = "a habit whose name is as long as a name may be and then some more to fill the line";
    device.ok(&[
        "habit",
        "add",
        long,
        "--target",
        "1000000.125",
        "--unit",
        "somethings",
    ]);
    device.ok(&["done", long, "999999999.125"]);
    let commands: &[&[&str]] = &[
        &["--help"],
        &["habit", "add", "--help"],
        &["habit", "list", "--all"],
        &["today"],
        &["stats"],
        &["stats", long],
        &["stats", "value", "--explain", "--all"],
        &["heatmap"],
        &["heatmap", long, "--weeks", "37"],
        &["heatmap", "bool", "--weeks", "38"],
        &["heatmap", "bool", "--weeks", "54"],
        &["stats", "--help"],
        &["heatmap", "--help"],
        &["status"],
        &["conflicts"],
        &["import", "loop", LOOP_EXPORT, "--dry-run"],
        &["done", "--help"],
    ];
    for command in commands {
        let shown = device.ok(command);
        assert!(!shown.contains('\u{1b}'), "{command:?}: {shown}");
        for line in shown.lines() {
            assert!(line.chars().count() <= 80, "{command:?}: {line}");
        }
    }
}

#[test]
fn exit_codes_follow_the_cause() {
    let device = Device::offline();
    device.ok(&["habit", "add", "Read"]);
    let signed_out = device.ends(4, &["sync"]);
    assert!(signed_out.stderr.contains("kanso login"), "{signed_out:?}");
    let offline = device.ends(3, &["login", "ada@example.org"]);
    assert!(offline.stderr.contains("Nothing is lost"), "{offline:?}");
    device.ends(2, &["--server", "nowhere", "sync"]);
    device.ends(2, &["conflicts", "resolve", "1"]);
    device.ends(2, &["conflicts", "resolve", "1", "--mine"]);
    device.ends(2, &["habit"]);
    assert_eq!(device.json(&["status"])["waiting"], 1);
}

#[test]
fn data_goes_to_stdout_and_messages_to_stderr() {
    let device = Device::offline();
    let empty = device.ends(0, &["habit", "list"]);
    assert_eq!(empty.stdout, "");
    assert!(empty.stderr.contains("kanso habit add"), "{empty:?}");
    let made = device.ends(0, &["habit", "add", "Read"]);
    assert_eq!(
        (made.stdout.as_str(), made.stderr.as_str()),
        ("", "Created \"Read\".\n")
    );
    let signed_out = device.ends(4, &["sync"]);
    assert_eq!(signed_out.stdout, "");
}

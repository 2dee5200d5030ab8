//! Creating, listing, changing and deleting habits, offline.

use crate::support::Device;

#[test]
fn a_habit_is_created_listed_changed_archived_and_deleted() {
    let device = Device::offline();
    let made = device.json(&[
        "habit",
        "add",
        "Read",
        "--target",
        "20",
        "--unit",
        "pages",
        "--weekdays",
        "mon,wed,sun",
        "--reminder",
        "21:30",
        "--start",
        "2026-01-01",
    ]);
    assert_eq!(made["type"], "numeric");
    assert_eq!(made["weekdays"], serde_json::json!([0, 1, 3]));
    assert_eq!(made["pending"], true);

    let changed = device.json(&[
        "habit",
        "edit",
        "read",
        "--title",
        "Read more",
        "--every",
        "3",
        "--start",
        "none",
        "--at-most",
    ]);
    assert_eq!(changed["title"], "Read more");
    assert_eq!(
        (&changed["interval"], &changed["frequency_type"]),
        (&3.into(), &"interval".into())
    );
    assert!(changed["start_date"].is_null());
    assert_eq!(changed["target_direction"], "at_most");
    assert_eq!(changed["reminder_time"], "21:30");

    device.ok(&["habit", "archive", "Read more"]);
    assert_eq!(device.json(&["habit", "list"]), serde_json::json!([]));
    assert_eq!(device.titles(), ["Read more"]);
    device.ok(&["habit", "unarchive", "Read more"]);
    assert!(device.ok(&["habit", "list"]).contains("every 3 days"));
    device.ok(&["habit", "delete", "Read more", "--yes"]);
    assert!(device.titles().is_empty());
}

#[test]
fn a_habit_is_found_by_its_name_the_beginning_of_it_or_its_id() {
    let device = Device::offline();
    let id = device.json(&["habit", "add", "Read"])["id"]
        .as_str()
        .expect("a text")
        .to_owned();
    device.ok(&["habit", "add", "Read aloud"]);
    device.ok(&["habit", "add", "Écrire"]);
    for wanted in ["Read", "read", "read a", "éc", id.as_str()] {
        device.ok(&["done", wanted]);
    }
    device.ok(&["habit", "archive", "Read"]);
    device.ok(&["habit", "edit", "rea", "--color", "#112233"]);
    device.ok(&["habit", "unarchive", "Read"]);
    let ended = device.ends(2, &["done", "rea"]);
    assert!(ended.stderr.contains("Read aloud"), "{}", ended.stderr);
    assert!(ended.stderr.contains(&id), "{}", ended.stderr);
    device.ends(2, &["done", "Write"]);
}

#[test]
fn invalid_options_are_rejected_at_once() {
    let device = Device::offline();
    for (arguments, reason) in [
        (vec!["habit", "add", " "], "title"),
        (vec!["habit", "add", "Read", "--color", "red"], "color"),
        (
            vec!["habit", "add", "Read", "--weekly", "8"],
            "times_per_week",
        ),
        (
            vec![
                "habit",
                "add",
                "Read",
                "--start",
                "2026-02-01",
                "--end",
                "2026-01-01",
            ],
            "end_date",
        ),
    ] {
        let ended = device.ends(1, &arguments);
        assert!(
            ended.stderr.contains(reason),
            "{arguments:?}: {}",
            ended.stderr
        );
    }
    device.ends(2, &["habit", "add", "Read", "--daily", "--every", "2"]);
    device.ends(2, &["habit", "add", "Read", "--target", "1.2345"]);
    assert!(device.titles().is_empty());
}

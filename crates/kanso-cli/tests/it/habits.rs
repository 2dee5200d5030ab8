//! Creating, listing, changing and deleting habits, offline.

use kanso_client::clock::Clock as _;
use kanso_client::domain::DayStart;
use kanso_client::domain::calendar::{days_before, local_day};
use kanso_client::system::SystemClock;

use crate::support::{Device, noon_zone};

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

/// Returns the intervals of a habit's schedule, oldest first, each with the day from which it counts.
fn schedule(habit: &serde_json::Value) -> Vec<(String, i64)> {
    let versions = habit["schedule_history"].as_array().expect("a list");
    let version = |version: &serde_json::Value| {
        let from = version["effective_from"]
            .as_str()
            .expect("a day")
            .to_owned();
        (from, version["interval"].as_i64().expect("a number"))
    };
    versions.iter().map(version).collect()
}

#[test]
fn an_edit_applies_from_the_day_that_it_names() {
    let zone = noon_zone();
    let today = local_day(SystemClock.now(), &zone, DayStart::MIDNIGHT);
    let day = |ago: i32| days_before(today, ago).to_string();
    let device = Device::offline().with("TZ", zone.name());
    device.ok(&["habit", "add", "Run", "--start", &day(30)]);
    // A past: without one, an edit leaves no version behind.
    device.ok(&["done", "Run", "--on", &day(28)]);
    let edit = |arguments: &[&str]| {
        let named = ["habit", "edit", "Run"].into_iter();
        let all: Vec<&str> = named.chain(arguments.iter().copied()).collect();
        schedule(&device.json(&all))
    };

    let named = edit(&["--every", "3", "--from", &day(10)]);
    assert_eq!(named, [(day(11), 1), (day(10), 3)]);
    let yesterday = edit(&["--every", "4", "--from", "yesterday"]);
    assert_eq!(yesterday, [(day(11), 1), (day(10), 3), (day(1), 4)]);
    // Without the option: from today.
    let now = edit(&["--every", "5"]);
    assert_eq!(now, [&yesterday[..], &[(day(0), 5)]].concat());
    // An earlier day takes the place of the versions after it.
    let earlier = edit(&["--every", "6", "--from", &day(5)]);
    assert_eq!(earlier, [(day(11), 1), (day(10), 3), (day(5), 6)]);
    let all = edit(&["--every", "7", "--from", "start"]);
    assert_eq!(all.len(), 1, "the past has the new schedule too: {all:?}");
    assert_eq!(all[0].1, 7);

    let ended = device.ends(2, &["habit", "edit", "Run", "--from", "start"]);
    assert!(
        ended.stderr.contains("nothing to change"),
        "{}",
        ended.stderr
    );
    let wrong = [
        "habit",
        "edit",
        "Run",
        "--every",
        "2",
        "--from",
        "2026-13-01",
    ];
    let ended = device.ends(2, &wrong);
    assert!(ended.stderr.contains("YYYY-MM-DD"), "{}", ended.stderr);
}

#[test]
fn a_habit_is_found_however_its_name_is_normalised() {
    let device = Device::offline();
    // The name as it was typed, and ways in which another keyboard or program writes it.
    for (made, ways) in [
        ("Übung", ["U\u{308}bung", "übung", "u\u{308}b"]),
        (
            "Cafe\u{301} au lait",
            ["Café au lait", "CAFÉ AU", "cafe\u{301}"],
        ),
        ("\u{212B}ngstrom", ["Ångstrom", "A\u{30A}ngstrom", "ångs"]),
        (
            "\u{1100}\u{1161}\u{11A8} 걷기",
            ["각 걷기", "\u{1100}\u{1161}\u{11A8}", "각"],
        ),
        (
            "Tie\u{302}\u{301}ng Vie\u{323}\u{302}t",
            ["Tiếng Việt", "TIẾNG", "tiê\u{301}ng"],
        ),
    ] {
        let id = device.json(&["habit", "add", made])["id"].clone();
        for wanted in ways {
            let found = device.json(&["habit", "edit", wanted, "--color", "#112233"]);
            assert_eq!(found["id"], id, "{made:?} by {wanted:?}");
        }
    }
    device.ends(2, &["done", "Ubung"]);
}

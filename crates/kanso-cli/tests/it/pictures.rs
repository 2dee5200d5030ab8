//! Output of `kanso stats` and `kanso heatmap` for days in the past.

use crate::support::Device;

/// Tea, at least 4 cups a day but on Sundays, in the first weeks of 2024.
fn device() -> Device {
    let device = Device::offline();
    device.ok(&[
        "habit",
        "add",
        "Tea",
        "--target",
        "4",
        "--unit",
        "cups",
        "--weekdays",
        "mon,tue,wed,thu,fri,sat",
        "--start",
        "2024-01-03",
        "--end",
        "2024-02-14",
    ]);
    for (day, cups) in [
        ("2024-01-03", "4"),
        ("2024-01-04", "5"),
        ("2024-01-05", "1"),
        ("2024-01-06", "2"),
        ("2024-01-07", "3"),
        ("2024-01-09", "3.5"),
        ("2024-02-12", "4"),
        ("2024-02-13", "4"),
        ("2024-02-14", "6.25"),
    ] {
        device.ok(&["done", "Tea", cups, "--on", day]);
    }
    device.ok(&["done", "Tea", "--skip", "--on", "2024-01-08"]);
    device
}

#[test]
fn a_calendar_has_weeks_as_columns() {
    let drawn = device().ok(&[
        "heatmap",
        "tea",
        "--from",
        "2024-01-01",
        "--to",
        "2024-02-18",
    ]);
    let expected = "\
Tea  4 cups | mon, tue, wed, thu, fri, sat | 2024-01-01 to 2024-02-18
    Jan     Feb
Mon   - × × × × █
Tue   ▓ × × × × █
Wed █ × × × × × █
Thu █ × × × × ×
Fri ░ × × × × ×
Sat ▒ × × × × ×
Sun ▓ · · · · ·

█ done  ░▒▓ partly  × missed  ! over the limit  - day off  · not due  ○ open
";
    assert_eq!(drawn, expected);
}

#[test]
fn a_year_fits_without_room_between_the_weeks() {
    let drawn = device().ok(&[
        "heatmap",
        "tea",
        "--from",
        "2024-01-01",
        "--to",
        "2024-12-31",
    ]);
    let lines: Vec<&str> = drawn.lines().collect();
    let months = "    Jan Feb Mar  Apr May Jun  Jul Aug Sep  Oct Nov Dec";
    assert_eq!(lines.get(1), Some(&months));
    assert_eq!(lines.get(4), Some(&"Wed █×××××█"));
}

#[test]
fn all_habits_are_below_each_other_with_one_legend() {
    let device = device();
    device.ok(&["habit", "add", "Read"]);
    device.ok(&["habit", "add", "Away"]);
    device.ok(&["habit", "archive", "Away"]);
    let drawn = device.ok(&["heatmap", "--to", "2024-02-18", "--weeks", "3"]);
    for (word, times) in [
        ("Tea", 1),
        ("Read", 1),
        ("Away", 0),
        ("partly", 1),
        ("Sun", 2),
    ] {
        assert_eq!(drawn.matches(word).count(), times, "{word}: {drawn}");
    }
}

#[test]
fn ranges_that_cannot_be_drawn_are_refused() {
    let device = device();
    for arguments in [
        ["heatmap", "--weeks", "0"].as_slice(),
        &["heatmap", "--weeks", "55"],
        &["heatmap", "--weeks", "2", "--from", "2024-01-01"],
        &["heatmap", "--from", "2024-01-02", "--to", "2024-01-01"],
        &["heatmap", "--from", "2022-01-01", "--to", "2024-01-01"],
        &["heatmap", "nothing"],
        &["stats", "nothing"],
        &["stats", "--explain"],
        &["stats", "tea", "--all"],
    ] {
        device.ends(2, arguments);
    }
}

#[test]
fn a_habit_in_figures() {
    let shown = device().ok(&["stats", "tea"]);
    let expected = "\
Tea  4 cups | mon, tue, wed, thu, fri, sat

Streak     3 days since 2024-02-12, longest 3 days
Rate       14 %, 5 done and 31 missed
";
    assert!(shown.starts_with(expected), "{shown}");
    for line in [
        "Mon  ██████████░░░░░░░░░░    1",
        "Wed  ████████████████████    2",
        "Recorded in cups",
        "WEEK OF       SUM  DAYS  MONTH      SUM  DAYS  YEAR    SUM  DAYS",
        "2024-02-12  14.25     3  2024-02  14.25     3  2024  32.75     9",
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
}

#[test]
fn an_explanation_is_newest_first_and_cut_without_all() {
    let device = device();
    let ended = device.ends(0, &["stats", "tea", "--explain"]);
    let (_, units) = ended
        .stdout
        .split_once("DAYS        STATE")
        .expect("a list");
    let lines: Vec<&str> = units.lines().skip(1).map(str::trim_end).collect();
    assert_eq!(lines.first(), Some(&"2024-02-14  done"));
    assert_eq!(lines.len(), 30);
    assert!(
        ended.stderr.contains("7 older ones left out: --all"),
        "{ended:?}"
    );
    let all = device.ends(0, &["stats", "tea", "--explain", "--all"]);
    assert!(all.stderr.is_empty(), "{all:?}");
    assert!(
        all.stdout.contains("2024-01-08  does not count  a day off"),
        "{all:?}"
    );
    assert!(
        all.stdout.trim_end().ends_with("2024-01-03  done"),
        "{all:?}"
    );
}

#[test]
fn an_overview_has_one_line_per_habit() {
    let device = Device::offline();
    let empty = device.ends(0, &["stats"]);
    assert!(empty.stdout.is_empty());
    assert!(empty.stderr.contains("kanso habit add"), "{empty:?}");
    device.ok(&["habit", "add", "Read"]);
    device.ok(&["done", "Read"]);
    device.ok(&["done", "Read", "--on", "yesterday"]);
    let shown = device.ok(&["stats"]);
    let line = shown.lines().find(|line| line.starts_with("Read"));
    let words: Vec<&str> = line.expect("it is listed").split_whitespace().collect();
    let expected = [
        "Read", "2", "days", "2", "2/2", "100", "%", "2/2", "100", "%",
    ];
    assert_eq!(words.get(..expected.len()), Some(expected.as_slice()));
}

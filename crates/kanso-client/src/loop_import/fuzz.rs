//! Fuzz tests of the import: the file may come from anywhere.

use std::collections::BTreeSet;
use std::io::Cursor;

use kanso_testkit::fuzz::withstands;

use super::*;

/// Reading twice gives the same habits, and no two habits have the same id.
fn is_sound(read: impl Fn() -> Vec<ExportedHabit>) {
    let ids = |habits: &[ExportedHabit]| -> Vec<_> { habits.iter().map(|it| it.id).collect() };
    let habits = read();
    let first = ids(&habits);
    assert_eq!(ids(&read()), first);
    assert_eq!(first.iter().collect::<BTreeSet<_>>().len(), first.len());
}

#[test]
fn fuzz_loop_zip() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus/loop_zip");
    let tokens = &[
        "PK\u{3}\u{4}",
        "PK\u{1}\u{2}",
        "PK\u{5}\u{6}",
        "Habits.csv",
        "../",
        "\0\0\0\0",
    ];
    withstands(corpus, tokens, |input| {
        if read(Cursor::new(input)).is_ok() {
            is_sound(|| read(Cursor::new(input)).map_or_else(|_| Vec::new(), |it| it.habits));
        }
    });
}

const CELLS: &[&str] = &[
    ",",
    "\n",
    "\"",
    "\"\"",
    "\r",
    "YES_NO",
    "NUMERICAL",
    "AT_MOST",
    "-1",
    "0",
    "99999999999",
    "NaN",
    "1e400",
    "true",
    "#GGGGGG",
    "2026-02-30",
    "0000-00-00",
    "é",
    "\0",
    "\u{feff}",
];

#[test]
fn fuzz_loop_habits() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus/loop_habits");
    let newest = jiff::civil::date(2026, 11, 22);
    withstands(corpus, CELLS, |input| {
        is_sound(|| {
            let listed = habits::read(input, &mut ImportReport::default()).into_iter();
            listed.map(|habit| habit.ready(newest)).collect()
        });
    });
}

#[test]
fn fuzz_loop_checkmarks() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus/loop_checkmarks");
    let list = include_bytes!("../../corpus/loop_habits/export");
    let newest = jiff::civil::date(2026, 11, 22);
    withstands(corpus, CELLS, |input| {
        for mut habit in habits::read(list, &mut ImportReport::default()) {
            habit.read_entries(input, &mut ImportReport::default());
            let days = habit.days().count();
            assert_eq!(habit.ready(newest).entries.len(), days);
        }
    });
}

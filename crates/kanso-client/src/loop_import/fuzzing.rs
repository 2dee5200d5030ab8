//! Checks of the import on arbitrary bytes: the file may come from anywhere.
//!
//! The tests below run them on mutations of the corpus, and the targets of `proof/kanso-fuzz` run them
//! under libFuzzer. A normal build does not contain this module.

use std::collections::BTreeSet;
use std::io::Cursor;

use jiff::civil::date;

use super::{ExportedHabit, ImportReport, read};

const NEWEST: jiff::civil::Date = date(2026, 11, 22);

/// Checks that an export that is read twice gives the same habits.
///
/// # Panics
///
/// If the two differ, or two habits have the same id.
pub fn zip(input: &[u8]) {
    if read(Cursor::new(input)).is_ok() {
        is_sound(|| read(Cursor::new(input)).map_or_else(|_| Vec::new(), |it| it.habits));
    }
}

/// Checks that a list of habits that is read twice gives the same habits.
///
/// # Panics
///
/// If the two differ, or two habits have the same id.
pub fn habits(input: &[u8]) {
    is_sound(|| {
        let listed = super::habits::read(input, &mut ImportReport::default()).into_iter();
        listed.map(|habit| habit.ready(NEWEST)).collect()
    });
}

/// Checks that a list of days gives one entry for each day.
///
/// # Panics
///
/// If a day is lost or doubled.
pub fn checkmarks(input: &[u8]) {
    let list = include_bytes!("../../corpus/loop_habits/export");
    for mut habit in super::habits::read(list, &mut ImportReport::default()) {
        habit.read_entries(input, &mut ImportReport::default());
        let days = habit.days().count();
        assert_eq!(habit.ready(NEWEST).entries.len(), days);
    }
}

/// Reading twice gives the same habits, and no two habits have the same id.
fn is_sound(read: impl Fn() -> Vec<ExportedHabit>) {
    let ids = |habits: &[ExportedHabit]| -> Vec<_> { habits.iter().map(|it| it.id).collect() };
    let habits = read();
    let first = ids(&habits);
    assert_eq!(ids(&read()), first);
    assert_eq!(first.iter().collect::<BTreeSet<_>>().len(), first.len());
}

#[cfg(test)]
mod tests {
    use kanso_testkit::fuzz::withstands;

    #[test]
    fn fuzz_loop_zip() {
        let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus/loop_zip");
        withstands(corpus, super::zip);
    }

    #[test]
    fn fuzz_loop_habits() {
        let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus/loop_habits");
        withstands(corpus, super::habits);
    }

    #[test]
    fn fuzz_loop_checkmarks() {
        let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus/loop_checkmarks");
        withstands(corpus, super::checkmarks);
    }
}

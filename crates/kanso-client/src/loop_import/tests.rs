use std::io::{Cursor, Write};

use kanso_protocol::habits::TargetDirection;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;

const HEADER: &str = "Position,Name,Type,Question,Description,FrequencyNumerator,\
                      FrequencyDenominator,Color,Unit,Target Type,Target Value,Archived?";

fn zipped(files: &[(&str, &[u8])]) -> Cursor<Vec<u8>> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        let options = SimpleFileOptions::default();
        writer.start_file(*name, options).expect("starts");
        writer.write_all(bytes).expect("writes");
    }
    writer.finish().expect("finishes")
}

fn export(habits: &str, checkmarks: &[(&str, &str)]) -> Export {
    let mut files = vec![("Habits.csv", habits.as_bytes())];
    files.extend(
        checkmarks
            .iter()
            .map(|(name, text)| (*name, text.as_bytes())),
    );
    read(zipped(&files)).expect("reads")
}

fn one_habit(row: &str) -> Export {
    export(&format!("{HEADER}\n{row}\n"), &[])
}

fn reasons(export: &Export) -> Vec<String> {
    export
        .report
        .rows
        .iter()
        .map(|row| row.remarks.join(", "))
        .collect()
}

#[test]
fn an_invalid_habit_is_reported_and_skipped() {
    for (row, reason) in [
        (
            "001,,YES_NO,,,1,1,#112233,,,,false",
            "title: must have at least",
        ),
        (
            "001,a,MAYBE,,,1,1,#112233,,,,false",
            "the type \"MAYBE\" is unknown",
        ),
        (
            "001,a,YES_NO,,,0,1,#112233,,,,false",
            "no schedule fits 0 times in 1 days",
        ),
        (
            "001,a,YES_NO,,,1,0,#112233,,,,false",
            "no schedule fits 1 times in 0 days",
        ),
        (
            "001,a,YES_NO,,,x,1,#112233,,,,false",
            "the frequency x/1 is not two numbers",
        ),
        (
            "one,a,YES_NO,,,1,1,#112233,,,,false",
            "the position \"one\" is not a number",
        ),
        (
            "001,a,NUMERICAL,,,1,1,,,AT_MOST,many,false",
            "the target \"many\" is not a number",
        ),
        (
            "001,a,NUMERICAL,,,1,1,,,AT_MOST,-3,false",
            "target_value: must not be negative",
        ),
        (
            "001,a,NUMERICAL,,,1,1,,,NEAR,3,false",
            "the target type \"NEAR\" is unknown",
        ),
        ("001,a\0b,YES_NO,,,1,1,,,,,false", "U+0000"),
    ] {
        let export = one_habit(&format!("{row}\n002,fine,YES_NO,,,1,1,,,,,false"));
        assert_eq!(export.habits.len(), 1, "{row}");
        let found = reasons(&export);
        assert!(
            found.len() == 1 && found[0].contains(reason),
            "{row}: {found:?}"
        );
    }
}

#[test]
fn values_that_do_not_fit_are_adapted_with_a_warning() {
    for (row, warning) in [
        (
            "001,a,YES_NO,,,1,1,blue,,,,false",
            "unknown colour \"blue\"",
        ),
        (
            "001,a,NUMERICAL,,,1,1,,,AT_LEAST,0.0,false",
            "a target of 0",
        ),
        (
            "001,a,NUMERICAL,,,1,1,,,AT_LEAST,0.12345,false",
            "rounded to 0.123",
        ),
        ("001,a,YES_NO,,,2,3,,,,,false", "5 times a week"),
    ] {
        let export = one_habit(row);
        let warnings = &export.habits[0].warnings;
        assert!(
            warnings.len() == 1 && warnings[0].contains(warning),
            "{row}: {warnings:?}"
        );
    }
    let long = one_habit(&format!(
        "001,{},YES_NO,,{},1,1,,,,,false",
        "é".repeat(101),
        "x".repeat(501)
    ));
    assert_eq!(long.habits[0].warnings.len(), 2);
}

#[test]
fn older_exports_lack_columns_and_use_numbers() {
    let export = export(
        "\u{feff}Name,Question,Description,NumRepetitions,Interval,Color\nRun,,,3,7,#112233\n",
        &[(
            "001 Run/Checkmarks.csv",
            "2018-01-05,3\n2018-01-04,2\n2018-01-03,1\n2018-01-02,0\n2018-01-01,-1\n",
        )],
    );
    let habit = &export.habits[0];
    assert_eq!(habit.members.times_per_week.value(), Some(&3));
    let values: Vec<_> = habit
        .entries
        .iter()
        .map(|entry| entry.members.value.value())
        .collect();
    assert_eq!(values, [Some(&0.0), Some(&1.0), None]);
    assert_eq!((export.report.automatic, export.report.unknown), (1, 1));
}

#[test]
fn a_numerical_zero_is_written_as_a_word() {
    let export = export(
        &format!("{HEADER}\n001,Smoke,NUMERICAL,,,1,1,,,AT_MOST,0,false\n"),
        &[(
            "001 Smoke/Checkmarks.csv",
            "Date,Value,Notes\n2026-01-02,NO,\n2026-01-03,SKIP,ill\n2026-01-04,1500,\n",
        )],
    );
    let habit = &export.habits[0];
    assert_eq!(
        habit.members.target_direction.value(),
        Some(&TargetDirection::AtMost)
    );
    assert_eq!(habit.members.target_value.value(), Some(&0.0));
    let values: Vec<_> = habit
        .entries
        .iter()
        .map(|entry| entry.members.value.value())
        .collect();
    assert_eq!(values, [Some(&0.0), None, Some(&1.5)]);
}

#[test]
fn a_day_that_cannot_be_read_is_reported() {
    let long = "x".repeat(2_001);
    let rows = format!(
        "Date,Value,Notes\n2026-02-30,YES_MANUAL,\n2026-01-02,MAYBE,\n2026-01-03,7,\n\
         2026-01-04,NO,\n2026-01-04,YES_MANUAL,\n2026-01-05,YES_MANUAL,{long}\n,,\n"
    );
    let export = export(
        &format!("{HEADER}\n001,a,YES_NO,,,1,1,,,,,false\n"),
        &[("001 a/Checkmarks.csv", &rows)],
    );
    assert_eq!(export.habits[0].entries.len(), 2);
    assert_eq!(
        export.habits[0].entries[1].warnings,
        ["the note is cut to 2000 characters"]
    );
    let found = reasons(&export);
    let expected = [
        "line 2: \"2026-02-30\" is not a date",
        "line 3: the value \"MAYBE\" is unknown",
        "line 4: the value \"7\" is unknown",
        "line 6: the day appears twice",
        "line 8: \"\" is not a date",
    ];
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.contains(expected), "{found}");
    }
}

#[test]
fn bad_utf8_is_a_bad_row() {
    let mut habits = format!("{HEADER}\n001,").into_bytes();
    habits.extend(b"\xff\xfe,YES_NO,,,1,1,,,,,false\n002,b,YES_NO,,,1,1,,,,,false\n");
    let marks: &[u8] = b"Date,Value,Notes\n2026-01-01,NO,\xff\n2026-01-02,NO,\n";
    let files = [
        ("Habits.csv", habits.as_slice()),
        ("002 b/Checkmarks.csv", marks),
    ];
    let export = read(zipped(&files)).expect("reads");
    assert_eq!(
        (export.habits.len(), export.habits[0].entries.len()),
        (1, 1)
    );
    assert_eq!(
        reasons(&export),
        ["line 2: Name is not UTF-8", "line 2: Notes is not UTF-8"]
    );
}

#[test]
fn habits_with_the_same_name_stay_apart() {
    let rows = "001,a,YES_NO,,,1,1,,,,,false\n002,a,YES_NO,,,1,1,,,,,false\n\
                003,a,NUMERICAL,,,1,1,,,AT_LEAST,1,false\n001,b,YES_NO,,,1,1,,,,,false";
    let export = one_habit(rows);
    let ids: std::collections::BTreeSet<_> = export.habits.iter().map(|habit| habit.id).collect();
    assert_eq!(ids.len(), 3);
    assert!(reasons(&export)[0].contains("position 1 appears twice"));
}

#[test]
fn a_file_that_is_not_an_export_is_rejected() {
    let nothing = read(Cursor::new(b"not a zip".to_vec())).map(drop);
    assert!(
        matches!(nothing, Err(ImportError::NotAZip { .. })),
        "{nothing:?}"
    );
    let other = read(zipped(&[("a.txt", b"a")])).map(drop);
    assert!(matches!(other, Err(ImportError::NotAnExport)), "{other:?}");
    let mut cut = zipped(&[("Habits.csv", HEADER.as_bytes())]).into_inner();
    cut.truncate(cut.len() / 2);
    let cut = read(Cursor::new(cut)).map(drop);
    assert!(matches!(cut, Err(ImportError::NotAZip { .. })), "{cut:?}");
}

#[test]
fn a_zip_bomb_is_not_unpacked() {
    let zeros = vec![b'0'; 17 * 1024 * 1024];
    let one = read(zipped(&[("Habits.csv", &zeros)])).map(drop);
    assert!(matches!(one, Err(ImportError::TooLarge { .. })), "{one:?}");
}

#[test]
fn suspicious_file_names_are_ignored() {
    let habits = format!("{HEADER}\n001,a,YES_NO,,,1,1,,,,,false\n");
    let marks = "Date,Value,Notes\n2026-01-01,NO,\n";
    let export = export(
        &habits,
        &[
            ("../001 a/Checkmarks.csv", marks),
            ("001 a\\Checkmarks.csv", marks),
        ],
    );
    assert!(export.habits[0].entries.is_empty());
    assert_eq!(reasons(&export).len(), 2);
}

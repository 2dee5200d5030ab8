//! Rule: docs/asvs.md has every requirement once, and what it names as evidence exists.

use std::collections::BTreeSet;

use super::Violation;
use super::facts::File;

const PAGE: &str = "docs/asvs.md";
/// Requirements of level 1 and 2 in ASVS 5.0.
const REQUIREMENTS: usize = 253;
/// Most requirements that may be open. None of them may be of level 1.
const MOST_OPEN: usize = 12;

/// A row of the table.
struct Row<'a> {
    line: usize,
    id: &'a str,
    level: &'a str,
    state: &'a str,
    evidence: &'a str,
}

/// Checks the page.
pub(super) fn check(files: &[File]) -> Vec<Violation> {
    let Some(page) = files.iter().find(|file| file.path == PAGE) else {
        return vec![Violation::new(PAGE, "is missing")];
    };
    let rows: Vec<_> = rows(&page.text).collect();
    let tests = tests(files);
    let mut problems: Vec<_> = rows
        .iter()
        .filter_map(|row| Some((row.line, flaw(row, files, &tests)?)))
        .map(|(line, problem)| format!("line {line}: {problem}"))
        .collect();
    let ids: BTreeSet<_> = rows.iter().map(|row| row.id).collect();
    if (rows.len(), ids.len()) != (REQUIREMENTS, REQUIREMENTS) {
        let (rows, ids) = (rows.len(), ids.len());
        problems.push(format!(
            "has {rows} rows with {ids} ids; it needs {REQUIREMENTS}"
        ));
    }
    let open = rows.iter().filter(|row| row.state == "open").count();
    if open > MOST_OPEN {
        problems.push(format!(
            "{open} requirements are open; at most {MOST_OPEN} may be"
        ));
    }
    problems
        .iter()
        .map(|what| Violation::new(PAGE, what))
        .collect()
}

fn rows(text: &str) -> impl Iterator<Item = Row<'_>> {
    text.lines().enumerate().filter_map(|(index, line)| {
        let cells: Vec<_> = line.strip_prefix("| ")?.split('|').map(str::trim).collect();
        let [id, level, _, state, evidence, ""] = cells[..] else {
            return None;
        };
        let is_id = id.starts_with(|digit: char| digit.is_ascii_digit());
        is_id.then_some(Row {
            line: index + 1,
            id,
            level,
            state,
            evidence,
        })
    })
}

/// Returns what is wrong with a row.
fn flaw(row: &Row<'_>, files: &[File], tests: &BTreeSet<&str>) -> Option<String> {
    let Row { id, state, .. } = row;
    if !["met", "n/a", "operator", "open"].contains(state) {
        return Some(format!("{id}: {state:?} is no state"));
    }
    if row.evidence.is_empty() {
        return Some(format!("{id}: a reason is missing"));
    }
    if *state == "open" && row.level == "1" {
        return Some(format!("{id}: a requirement of level 1 is open"));
    }
    let named: Vec<_> = row.evidence.split('`').skip(1).step_by(2).collect();
    if *state == "met" && named.is_empty() {
        return Some(format!("{id}: no test or file shows it"));
    }
    let missing = named.into_iter().find(|name| !exists(name, files, tests))?;
    Some(format!("{id}: there is no test or file {missing}"))
}

/// Returns true if a path exists, or a test of this name.
fn exists(name: &str, files: &[File], tests: &BTreeSet<&str>) -> bool {
    tests.contains(name)
        || files
            .iter()
            .any(|file| file.path == name || file.path.starts_with(&format!("{name}/")))
}

/// Returns the names of all functions that are tests.
fn tests(files: &[File]) -> BTreeSet<&str> {
    let sources = files.iter().filter(|file| file.has_extension("rs"));
    sources.flat_map(|file| tests_in(&file.text)).collect()
}

fn tests_in(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim_start) {
        if line.starts_with("#[test") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if !line.starts_with("#[") && !line.starts_with("//") {
            let name = line.trim_start_matches("async ").strip_prefix("fn ");
            let name = name.and_then(|rest| rest.split(['(', '<']).next());
            found.extend(name.filter(|_| is_test));
            is_test = false;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::facts::build::file;
    use super::*;

    fn problems(row: &str) -> Vec<String> {
        let files = [
            file(PAGE, row),
            file("SECURITY.md", "x"),
            file(
                "a.rs",
                "#[tokio::test]\nasync fn it_holds() {}\nfn helper() {}\n",
            ),
        ];
        let of_rows = |it: &Violation| it.what.starts_with("line ");
        let found = check(&files).into_iter().filter(of_rows);
        found.map(|violation| violation.what).collect()
    }

    #[test]
    fn evidence_has_to_exist() {
        for good in [
            "| 1.1.1 | 1 | title | met | `it_holds`, `SECURITY.md` |",
            "| 1.1.1 | 2 | title | open | not done yet |",
            "| 1.1.1 | 1 | title | n/a | there is none |",
        ] {
            assert_eq!(problems(good), Vec::<String>::new(), "{good}");
        }
        for (bad, says) in [
            ("| 1.1.1 | 1 | title | met | `it_fails` |", "it_fails"),
            ("| 1.1.1 | 1 | title | met | `helper` |", "helper"),
            ("| 1.1.1 | 1 | title | met | by word |", "no test or file"),
            ("| 1.1.1 | 1 | title | open | later |", "level 1 is open"),
            ("| 1.1.1 | 2 | title | partly | x |", "no state"),
            ("| 1.1.1 | 2 | title | n/a | |", "a reason"),
        ] {
            assert!(
                problems(bad)[0].contains(says),
                "{bad}: {:?}",
                problems(bad)
            );
        }
    }
}

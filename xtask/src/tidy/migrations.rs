//! Rule: migrations are `V<number>__<what>.sql`, numbered from 1 without a gap.

use std::collections::BTreeMap;

use super::Violation;
use super::facts::File;

/// Checks the migrations of each store. Refinery applies them by number, so a gap or a double would only
/// be found when a database is opened.
pub(super) fn check(files: &[File]) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut folders: BTreeMap<&str, Vec<(u32, &str)>> = BTreeMap::new();
    for path in files.iter().map(|file| file.path.as_str()) {
        let Some((folder, name)) = migration(path) else {
            continue;
        };
        match number(name) {
            Some(number) => folders.entry(folder).or_default().push((number, path)),
            None => violations.push(Violation::new(
                path,
                "is not named like `V3__add_devices.sql`",
            )),
        }
    }
    for mut numbered in folders.into_values() {
        numbered.sort_unstable();
        for ((number, path), expected) in numbered.into_iter().zip(1..) {
            if number != expected {
                let what = format!("has number {number} where {expected} follows; renumber it");
                violations.push(Violation::new(path, what));
                // All later numbers are off by the same gap.
                break;
            }
        }
    }
    violations
}

/// Splits the path of a migration into folder and name.
fn migration(path: &str) -> Option<(&str, &str)> {
    let (folder, name) = path.rsplit_once('/')?;
    (folder.starts_with("crates/") && folder.ends_with("/migrations")).then_some((folder, name))
}

/// Returns the number of a name like `V<number>__<what>.sql`.
fn number(name: &str) -> Option<u32> {
    let (number, what) = name
        .strip_prefix('V')?
        .strip_suffix(".sql")?
        .split_once("__")?;
    let is_snake_case = what.starts_with(|c: char| c.is_ascii_lowercase())
        && what
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    let is_plain = number.starts_with(|c: char| ('1'..='9').contains(&c));
    (is_snake_case && is_plain)
        .then(|| number.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::super::facts::build::file;
    use super::*;

    fn check_names(names: &[&str]) -> Vec<String> {
        let path = |name: &&str| file(&format!("crates/kanso-sqlite/migrations/{name}"), "");
        let files: Vec<_> = names.iter().map(path).collect();
        check(&files)
            .into_iter()
            .map(|violation| violation.path)
            .collect()
    }

    #[test]
    fn migrations_in_order_pass() {
        let names = [
            "V10__j.sql",
            "V1__start.sql",
            "V2__b.sql",
            "V3__c.sql",
            "V4__d.sql",
        ];
        let more = [
            "V5__e.sql",
            "V6__f.sql",
            "V7__g.sql",
            "V8__h.sql",
            "V9__add_it_2.sql",
        ];
        assert_eq!(check_names(&[names, more].concat()), Vec::<String>::new());
    }

    #[test]
    fn names_that_do_not_fit_are_refused() {
        let names = [
            "1_start.sql",
            "V1_start.sql",
            "V01__a.sql",
            "Vx__a.sql",
            "V1__Add.sql",
            "V1__.sql",
        ];
        for name in names {
            assert_eq!(check_names(&[name]).len(), 1, "{name}");
        }
    }

    #[test]
    fn a_gap_a_double_and_a_late_start_are_refused() {
        let cases: [(&[&str], &str); 3] = [
            (&["V1__a.sql", "V3__c.sql"], "V3__c.sql"),
            (&["V1__a.sql", "V1__b.sql"], "V1__b.sql"),
            (&["V2__a.sql"], "V2__a.sql"),
        ];
        for (names, refused) in cases {
            assert_eq!(
                check_names(names),
                [format!("crates/kanso-sqlite/migrations/{refused}")]
            );
        }
    }

    #[test]
    fn each_store_counts_for_itself() {
        let files = [
            file("crates/a/migrations/V1__a.sql", ""),
            file("crates/b/migrations/V1__a.sql", ""),
        ];
        assert_eq!(check(&files), []);
    }

    #[test]
    fn other_sql_has_any_name() {
        assert_eq!(
            check(&[file("crates/kanso-sqlite/src/queries/pull.sql", "")]),
            []
        );
    }
}

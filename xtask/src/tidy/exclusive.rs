//! Rule: only the listed crates use a driver or a framework.

use super::Violation;
use super::facts::Member;
use super::table::Exclusive;

/// Checks the dependencies of each crate outside of tests.
pub(super) fn check(members: &[Member], table: &[Exclusive]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for member in members {
        for dependency in member
            .dependencies
            .iter()
            .filter(|dependency| !dependency.only_in_tests)
        {
            let Some(row) = table.iter().find(|row| row.dependency == dependency.name) else {
                continue;
            };
            if !row.users.contains(&member.name.as_str()) {
                let what = format!(
                    "depends on {}, which only {} may use: {}",
                    row.dependency,
                    row.users.join(", "),
                    row.why
                );
                violations.push(Violation::new(member.manifest_path(), what));
            }
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::super::facts::build::member;
    use super::super::table;
    use super::*;

    const TABLE: &[Exclusive] = &[Exclusive {
        dependency: "driver",
        users: &["store"],
        why: "SQL is the store's",
    }];

    #[test]
    fn listed_crates_and_tests_may_use_it() {
        let members = [
            member("store", &["driver"]),
            member("edge", &["dev:driver", "other"]),
        ];
        assert_eq!(check(&members, TABLE), []);
    }

    #[test]
    fn other_crate_is_refused() {
        let refused = check(&[member("edge", &["driver"])], TABLE);
        assert_eq!(
            refused[0].to_string(),
            "crates/edge/Cargo.toml: depends on driver, which only store may use: SQL is the store's"
        );
    }

    #[test]
    fn every_user_in_the_real_table_is_a_crate_with_a_row() {
        for user in table::EXCLUSIVE.iter().flat_map(|row| row.users) {
            assert!(
                table::CRATES.iter().any(|rule| rule.name == *user),
                "{user}"
            );
        }
    }

    #[test]
    fn the_real_table_keeps_the_rings_free_of_runtimes_and_drivers() {
        for ring in ["kanso-domain", "kanso-application", "kanso-protocol"] {
            for dependency in ["tokio", "axum", "rusqlite", "clap", "anyhow"] {
                let refused = check(&[member(ring, &[dependency])], table::EXCLUSIVE);
                assert_eq!(refused.len(), 1, "{ring} may use {dependency}");
            }
        }
    }
}

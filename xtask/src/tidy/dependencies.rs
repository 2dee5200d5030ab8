//! Rule: a crate uses only the crates that its row allows, and every crate has a row.

use super::Violation;
use super::facts::{Dependency, Member};
use super::table::{CrateRule, Outside};

const TABLE: &str = "xtask/src/tidy/table.rs";

/// Checks the dependencies of each crate, and that each row has a crate.
pub(super) fn check(members: &[Member], rules: &[CrateRule]) -> Vec<Violation> {
    let is_member = |name: &str| members.iter().any(|member| member.name == name);
    let stale = rules
        .iter()
        .filter(|rule| !is_member(rule.name))
        .map(|rule| {
            let what = format!(
                "has a row for {}, which is not in the workspace; remove it",
                rule.name
            );
            Violation::new(TABLE, what)
        });
    let mut violations: Vec<_> = stale.collect();
    for member in members {
        let Some(rule) = rules.iter().find(|rule| rule.name == member.name) else {
            let what = format!(
                "{} has no row in {TABLE}; add its allowed dependencies",
                member.name
            );
            violations.push(Violation::new(member.manifest_path(), what));
            continue;
        };
        // A dependency inside the workspace follows the rings; one from outside follows the list.
        let wrong = member.dependencies.iter().filter_map(|dependency| {
            let refusal = if is_member(&dependency.name) {
                refuse_inside(rule, dependency)
            } else {
                refuse_outside(rule, dependency)
            };
            refusal.map(|what| Violation::new(member.manifest_path(), what))
        });
        violations.extend(wrong);
    }
    violations
}

fn refuse_inside(rule: &CrateRule, dependency: &Dependency) -> Option<String> {
    let name = dependency.name.as_str();
    let in_tests = dependency.only_in_tests && rule.in_tests.contains(&name);
    if in_tests || rule.workspace.contains(&name) {
        return None;
    }
    let only = listed(rule.workspace);
    let how = if rule.in_tests.contains(&name) {
        "make it a dev-dependency"
    } else {
        "move the code inward or behind a port"
    };
    Some(format!(
        "depends on {name}, but of the workspace it may use only {only}; {how}"
    ))
}

fn refuse_outside(rule: &CrateRule, dependency: &Dependency) -> Option<String> {
    let Outside::Only(allowed) = rule.outside else {
        return None;
    };
    let name = dependency.name.as_str();
    if dependency.only_in_tests || allowed.contains(&name) {
        return None;
    }
    let only = listed(allowed);
    Some(format!(
        "depends on {name}, but from outside it may use only {only}; leave it to an edge"
    ))
}

fn listed(names: &[&str]) -> String {
    if names.is_empty() {
        "nothing".to_owned()
    } else {
        names.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::super::facts::build::member;
    use super::*;

    const RULES: &[CrateRule] = &[
        CrateRule {
            name: "core",
            workspace: &[],
            in_tests: &["kit"],
            outside: Outside::Only(&["uuid"]),
        },
        CrateRule {
            name: "edge",
            workspace: &["core"],
            in_tests: &["kit"],
            outside: Outside::Any,
        },
        CrateRule {
            name: "kit",
            workspace: &["core"],
            in_tests: &[],
            outside: Outside::Any,
        },
    ];

    fn check_with(core: &[&str], edge: &[&str], kit: &[&str]) -> Vec<String> {
        let members = [
            member("core", core),
            member("edge", edge),
            member("kit", kit),
        ];
        check(&members, RULES)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn allowed_dependencies_pass() {
        let none = check_with(
            &["uuid", "dev:proptest", "dev:kit"],
            &["core", "anything", "dev:kit"],
            &["core"],
        );
        assert_eq!(none, Vec::<String>::new());
    }

    #[test]
    fn dependency_on_an_outer_crate_is_refused() {
        assert_eq!(
            check_with(&["edge"], &[], &[]),
            [
                "crates/core/Cargo.toml: depends on edge, but of the workspace it may use only \
              nothing; move the code inward or behind a port"
            ]
        );
    }

    #[test]
    fn the_test_kit_outside_of_tests_is_refused() {
        let refused = check_with(&[], &["core", "kit"], &[]);
        assert_eq!(refused.len(), 1);
        assert!(
            refused[0].ends_with("make it a dev-dependency"),
            "{refused:?}"
        );
    }

    #[test]
    fn tests_may_not_use_every_crate_either() {
        assert_eq!(check_with(&[], &[], &["dev:edge"]).len(), 1);
    }

    #[test]
    fn a_crate_from_outside_that_is_not_listed_is_refused() {
        assert_eq!(
            check_with(&["tokio"], &["tokio"], &[]),
            [
                "crates/core/Cargo.toml: depends on tokio, but from outside it may use only uuid; \
              leave it to an edge"
            ]
        );
    }

    #[test]
    fn a_crate_without_a_row_and_a_row_without_a_crate_are_refused() {
        let members = [member("core", &[]), member("edge", &[]), member("new", &[])];
        let refused: Vec<_> = check(&members, RULES)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            refused,
            [
                "xtask/src/tidy/table.rs: has a row for kit, which is not in the workspace; remove it",
                "crates/new/Cargo.toml: new has no row in xtask/src/tidy/table.rs; add its allowed dependencies",
            ]
        );
    }
}

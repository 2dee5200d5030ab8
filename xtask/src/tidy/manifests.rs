//! Rule: a member inherits its lints and its dependencies' versions from the workspace.

use toml::{Table, Value};

use super::Violation;
use super::facts::Member;

/// Checks the manifest of each member.
pub(super) fn check(members: &[Member]) -> Vec<Violation> {
    members.iter().flat_map(check_member).collect()
}

fn check_member(member: &Member) -> Vec<Violation> {
    let path = member.manifest_path();
    let manifest = match member.manifest.parse::<Table>() {
        Ok(manifest) => manifest,
        Err(error) => {
            return vec![Violation::new(
                path,
                format!("is not TOML: {}", error.message()),
            )];
        }
    };
    let mut violations = Vec::new();
    if !manifest.get("lints").is_some_and(is_from_workspace) {
        let what = "does not inherit the lints of the workspace; add `[lints] workspace = true`";
        violations.push(Violation::new(path.clone(), what));
    }
    for (name, dependency) in dependencies(&manifest) {
        if !is_from_workspace(dependency) {
            let what = format!(
                "sets a version or path of {name} itself; declare it in the root's \
                 [workspace.dependencies] and write `{name}.workspace = true`"
            );
            violations.push(Violation::new(path.clone(), what));
        }
    }
    violations
}

fn is_from_workspace(value: &Value) -> bool {
    value.get("workspace").and_then(Value::as_bool) == Some(true)
}

/// Returns every dependency, also those of tests, build scripts and single targets.
fn dependencies(manifest: &Table) -> impl Iterator<Item = (&String, &Value)> {
    let targets = manifest.get("target").and_then(Value::as_table);
    let of_targets = targets
        .into_iter()
        .flat_map(Table::values)
        .filter_map(Value::as_table);
    std::iter::once(manifest)
        .chain(of_targets)
        .flat_map(|table| {
            let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
            kinds
                .into_iter()
                .filter_map(|kind| table.get(kind).and_then(Value::as_table))
        })
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::super::facts::build::member;
    use super::*;

    fn violations(manifest: &str) -> usize {
        check(&[Member {
            manifest: manifest.to_owned(),
            ..member("new", &[])
        }])
        .len()
    }

    #[test]
    fn versions_come_from_the_workspace() {
        let cases = [
            (
                "all from the workspace",
                0,
                "[dependencies]\nuuid.workspace = true",
            ),
            (
                "own features",
                0,
                "[dependencies]\nuuid = { workspace = true, features = [\"v4\"] }",
            ),
            ("own version", 1, "[dependencies]\nuuid = \"1\""),
            (
                "own path",
                1,
                "[dev-dependencies]\nkit = { path = \"../kit\" }",
            ),
            (
                "own version for a target",
                1,
                "[target.'cfg(unix)'.dependencies]\nlibc = \"1\"",
            ),
        ];
        for (name, expected, dependencies) in cases {
            let manifest = format!("[lints]\nworkspace = true\n{dependencies}\n");
            assert_eq!(violations(&manifest), expected, "{name}");
        }
    }

    #[test]
    fn own_lints_are_refused() {
        assert_eq!(violations(""), 1);
        assert_eq!(violations("[lints]\nworkspace = false"), 1);
        assert_eq!(violations("[lints.rust]\nunsafe_code = \"allow\""), 1);
    }

    #[test]
    fn invalid_toml_is_refused() {
        assert_eq!(violations("[lints"), 1);
    }
}

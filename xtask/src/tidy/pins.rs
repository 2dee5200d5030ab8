//! Rule: a workflow names each action by its commit, because a tag can be moved to other code.

use super::Violation;
use super::facts::File;

/// Checks every `uses:` of the workflows.
pub(super) fn check(files: &[File]) -> Vec<Violation> {
    let workflows = files
        .iter()
        .filter(|file| file.path.starts_with(".github/workflows/"));
    workflows.flat_map(in_file).collect()
}

fn in_file(file: &File) -> Vec<Violation> {
    let actions = file.text.lines().enumerate().filter_map(|(index, line)| {
        let line = line.trim_start().trim_start_matches("- ");
        Some((index + 1, line.strip_prefix("uses: ")?))
    });
    // An action of this repository is part of the commit.
    let foreign = actions.filter(|(_, action)| !action.starts_with("./"));
    foreign
        .filter(|(_, action)| !is_pinned(action))
        .map(|(line, action)| {
            let what = format!(
                "line {line}: {action} is not `NAME@COMMIT # VERSION`; run deploy/pins.sh update"
            );
            Violation::new(&file.path, what)
        })
        .collect()
}

fn is_pinned(action: &str) -> bool {
    let commit = |action: &str| {
        let (_, commit) = action.split_once('@')?;
        Some(commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    action
        .split_once(" # v")
        .is_some_and(|(action, version)| !version.is_empty() && commit(action) == Some(true))
}

#[cfg(test)]
mod tests {
    use super::super::facts::build::file;
    use super::*;

    #[test]
    fn an_action_without_its_commit_is_a_violation() {
        let commit = "0123456789abcdef0123456789abcdef01234567";
        let text = format!(
            "steps:\n  - uses: actions/checkout@{commit} # v4.3.1\n  - uses: ./local\n  \
             - uses: actions/cache@v4\n  - name: x\n    uses: a/b@{commit}\n    uses: a/b@{commit} # v\n"
        );
        let found = check(&[
            file(".github/workflows/ci.yml", &text),
            file("other.yml", &text),
        ]);
        let lines: Vec<_> = found
            .iter()
            .map(|it| it.what.split(':').next().unwrap())
            .collect();
        assert_eq!(lines, ["line 4", "line 6", "line 7"]);
    }
}

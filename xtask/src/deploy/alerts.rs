//! Checks and tests the alerting rules with Prometheus' own tool.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::Verdict;
use crate::process::{command, root, run as run_command, target};

const RULES: &str = "deploy/alerts.yml";
const TESTS: &str = "deploy/alerts.test.yml";
/// Page that explains each alert.
const MANUAL: &str = "docs/operations.md";

/// Debian's name for Prometheus and its tools.
const PACKAGE: &str = "prometheus";
const TOOL: &str = "promtool";

/// Checks the rules, and that each alert has a test and an explanation.
pub(super) fn run() -> anyhow::Result<Verdict> {
    let Some(tool) = promtool()? else {
        eprintln!("deploy: {TOOL} is not installed and cannot be downloaded; install `{PACKAGE}`");
        return Ok(Verdict::ToolMissing);
    };
    let missing = missing(
        &read(RULES)?,
        &[(TESTS, read(TESTS)?), (MANUAL, read(MANUAL)?)],
    );
    if !missing.is_empty() {
        eprintln!("deploy: {}", missing.join("; "));
        return Ok(Verdict::Failed);
    }
    for (verb, file) in [("check", RULES), ("test", TESTS)] {
        let mut promtool = command(&tool.to_string_lossy());
        let verdict = run_command(promtool.args([verb, "rules", file]))?;
        if verdict != Verdict::Passed {
            return Ok(verdict);
        }
    }
    Ok(Verdict::Passed)
}

fn read(file: &str) -> anyhow::Result<String> {
    std::fs::read_to_string(root().join(file)).with_context(|| format!("cannot read {file}"))
}

/// Returns a message for each alert that one of the files does not name.
fn missing(rules: &str, files: &[(&str, String)]) -> Vec<String> {
    let names = rules.lines().filter_map(|line| {
        let name = line.trim_start().strip_prefix("- alert: ")?;
        Some(name.trim())
    });
    let mut missing = Vec::new();
    // A name may be the start of a longer name, so a match that continues with a letter does not count.
    for name in names {
        for (file, text) in files {
            let is_word = |found: &str| !found.starts_with(char::is_alphanumeric);
            if !text.split(name).skip(1).any(is_word) {
                missing.push(format!("{file} has no {name}"));
            }
        }
    }
    missing
}

/// Returns the installed promtool, or one that is unpacked from Debian's package. The package is not
/// installed, because its installation starts a Prometheus server.
fn promtool() -> anyhow::Result<Option<PathBuf>> {
    let answers = |tool: &PathBuf| {
        let asked = command(&tool.to_string_lossy()).arg("--version").output();
        asked.is_ok_and(|asked| asked.status.success())
    };
    let folder = target()?.join(PACKAGE);
    let unpacked = folder.join("usr/bin").join(TOOL);
    for tool in [PathBuf::from(TOOL), unpacked.clone()] {
        if answers(&tool) {
            return Ok(Some(tool));
        }
    }
    eprintln!("deploy: downloading {PACKAGE}");
    std::fs::create_dir_all(&folder)?;
    if !is_downloaded(&folder) {
        // The package lists may be outdated or missing.
        let updated = command("apt-get").args(["update", "-qq"]).status();
        if !updated.is_ok_and(|updated| updated.success()) || !is_downloaded(&folder) {
            return Ok(None);
        }
    }
    for package in std::fs::read_dir(&folder)? {
        let package = package?.path();
        if package.extension().is_some_and(|ending| ending == "deb") {
            run_command(command("dpkg").arg("--extract").arg(&package).arg(&folder))?;
            std::fs::remove_file(package)?;
        }
    }
    Ok(answers(&unpacked).then_some(unpacked))
}

fn is_downloaded(folder: &Path) -> bool {
    let mut download = command("apt-get");
    download.current_dir(folder);
    let downloaded = download.args(["download", "-qq", PACKAGE]).status();
    downloaded.is_ok_and(|downloaded| downloaded.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_that_is_not_explained_is_found() {
        let rules = "  - alert: KansoDown\n    expr: x\n  - alert: KansoDownAgain\n";
        let says = |text: &str| missing(rules, &[("a page", text.to_owned())]);
        assert_eq!(says("`KansoDown` and `KansoDownAgain`"), [""; 0]);
        assert_eq!(says("KansoDownAgain"), ["a page has no KansoDown"]);
        assert_eq!(says("KansoDown"), ["a page has no KansoDownAgain"]);
    }
}

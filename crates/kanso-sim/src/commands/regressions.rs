use std::path::Path;

use anyhow::Context as _;
use kanso_sim::plan::Plan;
use kanso_sim::world::live;
use serde::Deserialize;

/// A plan that once failed, and why.
#[derive(Debug, Deserialize)]
struct Regression {
    what: String,
    plan: Plan,
}

/// Lives through the plans in the file; whether all was well.
pub(super) fn run(file: &Path) -> anyhow::Result<bool> {
    let text = std::fs::read_to_string(file);
    let text = text.with_context(|| format!("reading {}", file.display()))?;
    let (mut count, mut failed) = (0, 0);
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let regression: Regression = serde_json::from_str(line)?;
        let outcome = live(regression.plan, None)?;
        count += 1;
        if let Some(finding) = outcome.findings.first() {
            failed += 1;
            println!(
                "again: {}: check {}: {}",
                regression.what, finding.check, finding.what
            );
        }
    }
    println!("sim: {count} plans that once failed, {failed} fail");
    Ok(failed == 0)
}

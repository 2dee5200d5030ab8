use std::path::Path;

use anyhow::Context as _;
use kanso_sim::regressions::replay;

/// Runs the plans in the file; returns true if all pass.
pub(super) fn run(file: &Path) -> anyhow::Result<bool> {
    let text = std::fs::read_to_string(file);
    let text = text.with_context(|| format!("reading {}", file.display()))?;
    let report = replay(&text, None)?;
    for (what, finding) in &report.failed {
        println!("report: {what}: check {}: {}", finding.check, finding.what);
    }
    let (count, failed) = (report.count, report.failed.len());
    println!("sim: {count} regression plans, {failed} failed");
    Ok(failed == 0)
}

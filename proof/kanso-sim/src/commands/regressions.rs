use std::path::Path;

use anyhow::Context as _;
use kanso_sim::regressions::replay;

/// Lives through the plans in the file; whether all was well.
pub(super) fn run(file: &Path) -> anyhow::Result<bool> {
    let text = std::fs::read_to_string(file);
    let text = text.with_context(|| format!("reading {}", file.display()))?;
    let report = replay(&text, None)?;
    for (what, finding) in &report.failed {
        println!("report: {what}: check {}: {}", finding.check, finding.what);
    }
    let (count, failed) = (report.count, report.failed.len());
    println!("sim: {count} plans that once failed, {failed} fail");
    Ok(failed == 0)
}

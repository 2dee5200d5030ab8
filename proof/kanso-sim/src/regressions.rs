//! Plans that once failed, one a line as JSON, with a description of the failure.

use serde::{Deserialize, Serialize};

use crate::finding::Finding;
use crate::mutants::Bug;
use crate::plan::WorldPlan;
use crate::world::run_plan;

/// A plan that once failed.
#[derive(Debug, Serialize, Deserialize)]
struct Regression {
    /// Description of the failure.
    what: String,
    plan: WorldPlan,
}

/// Result of running such plans again.
#[derive(Clone, Debug, Default)]
pub struct RegressionReport {
    /// Number of plans.
    pub count: u64,
    /// Plans that fail: the old description and the new finding.
    pub failed: Vec<(String, Finding)>,
}

/// Formats the line of a plan that failed because of `what`.
///
/// # Errors
///
/// Never in practice: a plan consists of numbers.
pub fn line(what: &str, plan: WorldPlan) -> anyhow::Result<String> {
    let what = what.to_owned();
    Ok(serde_json::to_string(&Regression { what, plan })?)
}

/// Runs the plans of `lines`, with the planted `bug` if there is one.
///
/// # Errors
///
/// A line is not readable, or the machine failed.
pub fn replay(lines: &str, bug: Option<Bug>) -> anyhow::Result<RegressionReport> {
    let mut report = RegressionReport::default();
    for line in lines.lines().filter(|line| !line.trim().is_empty()) {
        // Fields that were added to `WorldPlan` later have defaults, so old lines stay readable.
        let Regression { what, plan } = serde_json::from_str(line)?;
        let outcome = run_plan(plan, bug)?;
        report.count += 1;
        let finding = outcome.findings.into_iter().next();
        report.failed.extend(finding.map(|finding| (what, finding)));
    }
    Ok(report)
}

//! Plans that once failed, one a line as JSON, with what was wrong.

use serde::{Deserialize, Serialize};

use crate::finding::Finding;
use crate::mutants::Bug;
use crate::plan::Plan;
use crate::world::run_plan;

/// A plan that once failed.
#[derive(Debug, Serialize, Deserialize)]
struct Regression {
    /// What was wrong.
    what: String,
    plan: Plan,
}

/// What came of living through such plans once more.
#[derive(Clone, Debug, Default)]
pub struct RegressionReport {
    /// How many plans there are.
    pub count: u64,
    /// Those that fail: what was wrong once, and what is now.
    pub failed: Vec<(String, Finding)>,
}

/// The line of a plan in which `what` was wrong.
///
/// # Errors
/// Never in practice: a plan is numbers.
pub fn line(what: &str, plan: Plan) -> anyhow::Result<String> {
    let what = what.to_owned();
    Ok(serde_json::to_string(&Regression { what, plan })?)
}

/// Lives through the plans of `lines`, with `bug` put in if there is one.
///
/// # Errors
/// A line cannot be read, or the machine failed.
pub fn replay(lines: &str, bug: Option<Bug>) -> anyhow::Result<RegressionReport> {
    let mut report = RegressionReport::default();
    for line in lines.lines().filter(|line| !line.trim().is_empty()) {
        let Regression { what, plan } = serde_json::from_str(line)?;
        let outcome = run_plan(plan, bug)?;
        report.count += 1;
        let finding = outcome.findings.into_iter().next();
        report.failed.extend(finding.map(|finding| (what, finding)));
    }
    Ok(report)
}

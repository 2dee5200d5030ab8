//! Files that a failed seed leaves: a smaller plan that fails, and its story.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::finding::Finding;
use crate::mutants::Bug;
use crate::plan::WorldPlan;
use crate::shrink::shrink;
use crate::story;
use crate::world::run_plan;

/// Files of a failed seed.
#[derive(Clone, Debug)]
pub struct FailureFiles {
    /// The smallest plan found in which the same check fails.
    pub plan: WorldPlan,
    /// Findings of that plan.
    pub findings: Vec<Finding>,
    /// File with the plan, for `replay --file`.
    pub plan_file: PathBuf,
    /// File with the story.
    pub story_file: PathBuf,
}

/// Shrinks the plan of `seed` with at most `tries` runs, so that one of `findings`' checks still
/// fails, and writes the plan and its story into `folder`. `bug` is the planted bug, if any.
///
/// # Errors
///
/// The machine failed, or `folder` is not writable.
pub fn write_failure(
    seed: u64,
    bug: Option<Bug>,
    findings: &[Finding],
    tries: u32,
    folder: &Path,
) -> anyhow::Result<FailureFiles> {
    let checks: Vec<_> = findings.iter().map(|finding| finding.check).collect();
    let plan = shrink(WorldPlan::of(seed), bug, &checks, tries)?;
    // The shrunk plan has findings and a story of its own, so it runs once more.
    let outcome = run_plan(plan, bug)?;
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    let plan_file = folder.join(format!("{seed}.json"));
    let story_file = folder.join(format!("{seed}.txt"));
    fs::write(&plan_file, serde_json::to_string_pretty(&plan)?)?;
    fs::write(&story_file, story::render(&outcome.history, None))?;
    Ok(FailureFiles {
        plan,
        findings: outcome.findings,
        plan_file,
        story_file,
    })
}

/// Reads a plan that a failure left.
///
/// # Errors
///
/// The file is missing or contains no plan.
pub fn plan_in(file: &Path) -> anyhow::Result<WorldPlan> {
    let text = fs::read_to_string(file);
    let text = text.with_context(|| format!("reading {}", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("reading the plan in {}", file.display()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::campaign::Campaign;
    use crate::finding::Check;
    use crate::regressions;

    const BUG: Option<Bug> = Some(Bug::EntryNotStored);

    fn found() -> (u64, Vec<Finding>) {
        let campaign = Campaign {
            first: 1,
            count: 20,
            time: None,
            jobs: 1,
            keep_going: false,
            bug: BUG,
        };
        let report = campaign.run(&|| Duration::ZERO, &|_| {}).unwrap();
        report.failed.into_iter().next().expect("a seed that fails")
    }

    /// The whole chain after a failure, from the campaign to the line in `regressions.jsonl`.
    #[test]
    fn the_files_of_a_failure_reproduce_it() {
        let (seed, findings) = found();
        let folder = tempfile::tempdir().unwrap();
        let left = write_failure(seed, BUG, &findings, 12, folder.path()).unwrap();
        let larger = WorldPlan::of(seed);
        assert_ne!(left.plan, larger, "the plan is not smaller");
        assert!(left.plan.people <= larger.people && left.plan.actions <= larger.actions);

        let plan = plan_in(&left.plan_file).unwrap();
        let again = run_plan(plan, BUG).unwrap();
        assert_eq!(again.findings, left.findings);
        assert!(is_among(&again.findings, &findings));
        let story = fs::read_to_string(&left.story_file).unwrap();
        assert_eq!(story, story::render(&again.history, None));
        assert!(story.contains("creates habit"), "{story}");

        let line = regressions::line("an entry is not stored", plan).unwrap();
        let again = regressions::replay(&line, BUG).unwrap();
        assert_eq!(again.failed.len(), 1, "{again:?}");
        let mended = regressions::replay(&line, None).unwrap();
        assert_eq!((mended.count, mended.failed.len()), (1, 0), "{mended:?}");
    }

    fn is_among(findings: &[Finding], known: &[Finding]) -> bool {
        let known: Vec<Check> = known.iter().map(|finding| finding.check).collect();
        findings
            .iter()
            .any(|finding| known.contains(&finding.check))
    }
}

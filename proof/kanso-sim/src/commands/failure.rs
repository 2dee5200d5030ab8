//! Report of a failed seed.

use std::path::Path;

use kanso_sim::failure::write_failure;
use kanso_sim::finding::Finding;
use kanso_sim::mutants::Bug;
use kanso_sim::regressions;

/// Runs that shrinking may take.
const TRIES: u32 = 120;

/// Shrinks the plan of `seed` and prints the paths of the plan and its story.
pub(super) fn explain(seed: u64, bug: Option<Bug>, findings: &[Finding]) -> anyhow::Result<()> {
    eprintln!("sim: seed {seed} failed; shrinking its plan");
    let left = write_failure(seed, bug, findings, TRIES, Path::new("target/sim"))?;
    for finding in left.findings.iter().take(10) {
        println!("  check {}: {}", finding.check, finding.what);
    }
    let bug = bug.map_or_else(String::new, |bug| format!(" --bug {}", bug.name()));
    println!("story: {}", left.story_file.display());
    println!(
        "again: cargo run -p kanso-sim -- replay --file {}{bug}",
        left.plan_file.display()
    );
    let what = left.findings.first().map_or("", |finding| &finding.what);
    println!(
        "for regressions.jsonl: {}",
        regressions::line(what, left.plan)?
    );
    Ok(())
}

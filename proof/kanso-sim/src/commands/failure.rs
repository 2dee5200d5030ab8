//! Tells what a failure left behind.

use std::path::Path;

use kanso_sim::failure::write_failure;
use kanso_sim::finding::Finding;
use kanso_sim::mutants::Bug;
use kanso_sim::regressions;

/// How many more runs making it smaller may take.
const TRIES: u32 = 120;

/// Makes the plan of `seed` smaller and says where it and its story are.
pub(super) fn explain(seed: u64, bug: Option<Bug>, findings: &[Finding]) -> anyhow::Result<()> {
    eprintln!("sim: seed {seed} failed; looking for a smaller plan that fails");
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

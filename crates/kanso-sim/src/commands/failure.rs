//! What is left behind when a seed fails: a file that replays it, and its story.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use kanso_sim::finding::Finding;
use kanso_sim::plan::Plan;
use kanso_sim::shrink::shrink;
use kanso_sim::story;
use kanso_sim::world::live;

/// How many more runs making it smaller may take.
const TRIES: u32 = 120;

/// Makes the plan of `seed` smaller and writes down what happens in it.
pub(super) fn explain(seed: u64, findings: &[Finding]) -> anyhow::Result<()> {
    eprintln!("sim: seed {seed} failed; looking for a smaller plan that fails");
    let checks: Vec<_> = findings.iter().map(|finding| finding.check).collect();
    let plan = shrink(Plan::of(seed), None, &checks, TRIES)?;
    let outcome = live(plan, None)?;
    let folder = Path::new("target/sim");
    fs::create_dir_all(folder).context("making target/sim")?;
    let (json, text) = (
        folder.join(format!("{seed}.json")),
        folder.join(format!("{seed}.txt")),
    );
    fs::write(&json, serde_json::to_string_pretty(&plan)?)?;
    fs::write(&text, story::tell(&outcome.history, None))?;
    println!("smallest plan: {plan:?}");
    for finding in outcome.findings.iter().take(10) {
        println!("  check {}: {}", finding.check, finding.what);
    }
    println!(
        "story: {}; again: kanso-sim replay --file {}",
        text.display(),
        json.display()
    );
    Ok(())
}

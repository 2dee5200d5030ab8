//! `cargo xtask sim`: runs the simulation; CI runs a part of it.

use clap::Args;

use crate::process::{cargo, run as run_command};
use crate::{Verdict, commit};

/// File with the plans that once failed.
const REGRESSIONS: &str = "proof/kanso-sim/regressions.jsonl";

/// Page with the table of planted bugs.
const PAGE: &str = "docs/verification.md";

/// Number of seeds that CI runs.
const CI_SEEDS: u64 = 1_500;
/// Longest run of the seeds in CI, in hours (7.2 minutes). A slow machine then runs fewer seeds.
const CI_HOURS: f64 = 0.12;

/// Arguments of `cargo xtask sim`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    /// Number of seeds
    #[arg(long, default_value_t = 200)]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// End after this many hours
    #[arg(long)]
    hours: Option<f64>,
    /// Continue after a failure, and count the failures
    #[arg(long)]
    keep_going: bool,
    /// Build with optimisation: it pays from some thousand seeds on
    #[arg(long)]
    release: bool,
    /// Search for each planted bug five times, and write the table into the documentation
    #[arg(long)]
    bank: bool,
}

/// Runs the seeds, or searches for the planted bugs.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Verdict> {
    if arguments.bank {
        return simulate(
            arguments.release,
            &format!("bank --searches 5 --write {PAGE}"),
        );
    }
    let Arguments { seeds, seed, .. } = arguments;
    let hours = arguments
        .hours
        .map_or_else(String::new, |hours| format!(" --hours {hours}"));
    let keep_going = if arguments.keep_going {
        " --keep-going"
    } else {
        ""
    };
    let line = format!("run --seed {seed} --seeds {seeds}{hours}{keep_going}");
    simulate(arguments.release, &line)
}

/// Runs the plans that once failed, each planted bug once, and new seeds. The seeds follow from the commit
/// that is checked out: each commit has its own, and they are the same on every machine.
pub(crate) fn ci() -> anyhow::Result<Verdict> {
    // Each number has its own range of seeds. The product fits: 2³² commits of 1,500 seeds.
    let first = u64::from(commit::number()?) * CI_SEEDS;
    for line in [
        format!("regressions {REGRESSIONS}"),
        "bank".to_owned(),
        format!("run --seed {first} --seeds {CI_SEEDS} --hours {CI_HOURS}"),
    ] {
        let verdict = simulate(false, &line)?;
        if verdict != Verdict::Passed {
            return Ok(verdict);
        }
    }
    Ok(Verdict::Passed)
}

fn simulate(release: bool, line: &str) -> anyhow::Result<Verdict> {
    let profile = if release { "--release " } else { "" };
    run_command(&mut cargo(&format!(
        "run {profile}--package kanso-sim --locked --quiet -- {line}"
    )))
}

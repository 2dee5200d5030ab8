//! `cargo xtask sim`: the simulation, and what CI runs of it.

use clap::Args;

use crate::process::{cargo, run as run_command};
use crate::{Verdict, commit};

/// The plans that once failed.
const REGRESSIONS: &str = "proof/kanso-sim/regressions.jsonl";

/// The page with the table of planted bugs.
const PAGE: &str = "docs/verification.md";

/// How many seeds CI lives through, and for how long at most.
const CI_SEEDS: u64 = 3_000;
const CI_HOURS: f64 = 0.12;

/// What to simulate.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    /// How many seeds
    #[arg(long, default_value_t = 200)]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// End after so many hours
    #[arg(long)]
    hours: Option<f64>,
    /// Go on after a failure, and only count
    #[arg(long)]
    keep_going: bool,
    /// Build it optimised: worth it from some thousand seeds on
    #[arg(long)]
    release: bool,
    /// Look for each planted bug, five times, and write the table into the documentation
    #[arg(long)]
    bank: bool,
}

/// Lives through the seeds, or looks for the planted bugs.
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

/// The plans that once failed, each planted bug once, and fresh seeds: those of the commit that is
/// checked out, which nobody has lived through before and which are the same wherever it is.
pub(crate) fn ci() -> anyhow::Result<Verdict> {
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

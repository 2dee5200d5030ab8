//! `cargo xtask sim`: the simulation, and what CI runs of it.

use anyhow::Context as _;
use clap::Args;

use crate::Verdict;
use crate::process::{cargo, command, output, run as run_command};

/// The plans that once failed.
const REGRESSIONS: &str = "crates/kanso-sim/regressions.jsonl";

/// The page with the table of planted bugs.
const PAGE: &str = "docs/verification.md";

/// How many seeds CI lives through, and for how long at most.
const CI_SEEDS: &str = "--seeds 3000 --hours 0.06";

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

/// The plans that once failed, each planted bug once, and as many seeds as the time allows. Each
/// commit has seeds of its own: a new one looks where nobody looked before, and the same one has
/// the same result again.
pub(crate) fn ci() -> anyhow::Result<Verdict> {
    for line in [
        format!("regressions {REGRESSIONS}"),
        "bank".to_owned(),
        format!("run --seed {} {CI_SEEDS}", first_of(&commit()?)),
    ] {
        let verdict = simulate(false, &line)?;
        if verdict != Verdict::Passed {
            return Ok(verdict);
        }
    }
    Ok(Verdict::Passed)
}

/// The commit that is checked out.
fn commit() -> anyhow::Result<String> {
    let name = output(command("git").args(["rev-parse", "HEAD"]));
    let name = name.context("the seeds are chosen by the commit")?;
    Ok(String::from_utf8(name)?)
}

/// The first seed of a commit: what its first 32 bits say.
fn first_of(commit: &str) -> u64 {
    let digits = commit.get(..8).unwrap_or_default();
    u32::from_str_radix(digits, 16).map_or(1, u64::from)
}

fn simulate(release: bool, line: &str) -> anyhow::Result<Verdict> {
    let profile = if release { "--release " } else { "" };
    run_command(&mut cargo(&format!(
        "run {profile}--package kanso-sim --locked --quiet -- {line}"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_begin_at_different_seeds() {
        assert_eq!(first_of("0000000aff"), 10);
        assert_eq!(first_of("ffffffff00"), 0xFFFF_FFFF);
    }

    #[test]
    fn the_commit_that_is_checked_out_is_known() {
        let commit = commit().expect("a checkout");
        assert!(commit.trim().len() >= 40, "{commit}");
        assert_ne!(first_of(&commit), 1);
    }
}

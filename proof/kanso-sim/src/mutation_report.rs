//! Mutation testing of the checks: each planted bug must be found, and soon.

use std::fmt::Write as _;

use crate::finding::Check;
use crate::mutants::Bug;
use crate::plan::WorldPlan;
use crate::world::run_plan;

/// Number of seeds within which each bug must be found. Most are found within ten; the slowest of
/// five searches took 54.
pub const MAX_SEEDS: u64 = 200;

/// Distance between the first seeds of two searches for one bug. Greater than [`MAX_SEEDS`], so
/// that the searches are independent.
const STRIDE: u64 = 10_000;

/// Result of the searches for one bug.
#[derive(Clone, Debug)]
pub struct MutationResult {
    /// The bug.
    pub bug: Bug,
    /// The check that found it first.
    pub check: Option<Check>,
    /// Number of seeds of each search; more than [`MAX_SEEDS`] if the search found nothing.
    pub seeds: Vec<u64>,
}

impl MutationResult {
    /// Returns true if every search found the bug.
    pub fn is_caught(&self) -> bool {
        self.seeds.iter().all(|seeds| *seeds <= MAX_SEEDS)
    }

    /// Median number of seeds.
    pub fn median(&self) -> u64 {
        let mut sorted = self.seeds.clone();
        sorted.sort_unstable();
        sorted
            .get(sorted.len() / 2)
            .copied()
            .unwrap_or(MAX_SEEDS + 1)
    }
}

/// Searches for `bug` several times, each time with other seeds.
///
/// # Errors
///
/// The machine failed.
pub fn search(bug: Bug, searches: u64) -> anyhow::Result<MutationResult> {
    let mut found = MutationResult {
        bug,
        check: None,
        seeds: Vec::new(),
    };
    for nth in 0..searches {
        let mut took = MAX_SEEDS + 1;
        for number in 1..=MAX_SEEDS {
            // The plan may be adapted to the bug; `run_plan` does that, so that replays do the same.
            let outcome = run_plan(WorldPlan::of(nth * STRIDE + number), Some(bug))?;
            // Several checks may fail in one run. The lowest number is the most specific promise,
            // so it names the result.
            if let Some(finding) = outcome.findings.iter().min_by_key(|finding| finding.check) {
                found.check = found.check.or(Some(finding.check));
                took = number;
                break;
            }
        }
        found.seeds.push(took);
    }
    Ok(found)
}

/// Formats the results as a Markdown table.
pub fn table(bank: &[MutationResult]) -> String {
    let mut table = String::from(
        "| planted bug | what is wrong | found by check | seeds, median | seeds, most | searches |\n|---|---|---|---|---|---|\n",
    );
    for found in bank {
        let check = found
            .check
            .map_or_else(|| "none".to_owned(), |check| check.to_string());
        let most = found.seeds.iter().max().copied().unwrap_or(MAX_SEEDS + 1);
        // Writing to a String cannot fail.
        let _ = writeln!(
            table,
            "| `{}` | {} | {check} | {} | {} | {} |",
            found.bug.name(),
            found.bug.description(),
            seed_count(found.median()),
            seed_count(most),
            found.seeds.len()
        );
    }
    table
}

fn seed_count(seeds: u64) -> String {
    if seeds > MAX_SEEDS {
        format!("not within {MAX_SEEDS}")
    } else {
        seeds.to_string()
    }
}

//! The bank of planted bugs: each must be found, and soon.

use std::fmt::Write as _;

use crate::finding::Check;
use crate::mutants::Bug;
use crate::plan::Plan;
use crate::world::run_plan;

/// Within so many seeds each bug is found.
pub const MAX_SEEDS: u64 = 200;

/// Between the places where the searches for one bug begin.
const STRIDE: u64 = 10_000;

/// What a search found.
#[derive(Clone, Debug)]
pub struct MutationResult {
    /// The bug.
    pub bug: Bug,
    /// The check that found it first.
    pub check: Option<Check>,
    /// How many seeds each search took; a search that found nothing took more than [`WITHIN`].
    pub seeds: Vec<u64>,
}

impl MutationResult {
    /// Whether every search found it.
    pub fn is_caught(&self) -> bool {
        self.seeds.iter().all(|seeds| *seeds <= MAX_SEEDS)
    }

    /// The median number of seeds.
    pub fn median(&self) -> u64 {
        let mut sorted = self.seeds.clone();
        sorted.sort_unstable();
        sorted
            .get(sorted.len() / 2)
            .copied()
            .unwrap_or(MAX_SEEDS + 1)
    }
}

/// Looks for `bug` so many times, each time among other seeds.
///
/// # Errors
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
            let outcome = run_plan(Plan::of(nth * STRIDE + number), Some(bug))?;
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

/// The table of a bank, as Markdown.
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
            told(found.median()),
            told(most),
            found.seeds.len()
        );
    }
    table
}

fn told(seeds: u64) -> String {
    if seeds > MAX_SEEDS {
        format!("not within {MAX_SEEDS}")
    } else {
        seeds.to_string()
    }
}

//! What is measured inside this process, because no client can bring it about: a computation by
//! itself, and a midnight for everybody.

mod midnight;
mod streak;
mod town;

use std::path::Path;

use serde::Serialize;

use crate::figures::{median, percentile};
use crate::say;

/// How long something took.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Timing {
    /// What was done.
    pub(crate) what: &'static str,
    /// What it should reach, in words.
    pub(crate) goal: &'static str,
    /// How often it was done.
    pub(crate) count: usize,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    /// Its p99 against that of the same thing while nothing else went on.
    pub(crate) ratio_to_quiet: Option<f64>,
}

impl Timing {
    /// The figures of these times, in microseconds.
    fn new(what: &'static str, goal: &'static str, mut times: Vec<u32>) -> Self {
        times.sort_unstable();
        Self {
            what,
            goal,
            count: times.len(),
            p50_ms: percentile(&times, 50),
            p99_ms: percentile(&times, 99),
            ratio_to_quiet: None,
        }
    }

    fn against(self, quiet: &Self) -> Self {
        Self {
            ratio_to_quiet: Some(self.p99_ms / quiet.p99_ms),
            ..self
        }
    }

    /// The median of each figure by itself.
    pub(crate) fn medians(runs: &[Vec<Self>]) -> Vec<Self> {
        let rows = runs.iter().map(Vec::len).min().unwrap_or_default();
        let row = |number: usize| {
            let several = || runs.iter().map(move |run| &run[number]);
            let ratios = several().filter_map(|one| one.ratio_to_quiet);
            let ratio = median(ratios);
            Self {
                p50_ms: median(several().map(|one| one.p50_ms)),
                p99_ms: median(several().map(|one| one.p99_ms)),
                ratio_to_quiet: (!ratio.is_nan()).then_some(ratio),
                ..runs[0][number].clone()
            }
        };
        (0..rows).map(row).collect()
    }
}

/// Measures all of it `runs` times, with databases below `folder`.
pub(crate) fn measure(folder: &Path, runs: u32) -> anyhow::Result<Vec<Vec<Timing>>> {
    say(format_args!("  a town of {} habits", town::HABITS));
    let town = town::Town::build(folder)?;
    let mut found = Vec::new();
    for number in 1..=runs {
        say(format_args!("  its midnight, {number} of {runs}"));
        let mut timings = vec![streak::measure()?];
        timings.extend(midnight::measure(&town)?);
        found.push(timings);
    }
    Ok(found)
}

//! Durations of an action that is measured inside this process.

use serde::Serialize;

use crate::figures::{median, percentile};

/// Durations of one action.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Timing {
    /// Name of the action.
    #[serde(rename = "what")]
    pub(crate) name: &'static str,
    /// Goal as text.
    pub(crate) goal: &'static str,
    /// Number of durations.
    pub(crate) count: usize,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    /// p99 divided by that of the same action on an idle system.
    pub(crate) ratio_to_quiet: Option<f64>,
}

impl Timing {
    /// Computes the figures of durations in microseconds.
    pub(crate) fn new(name: &'static str, goal: &'static str, mut times: Vec<u32>) -> Self {
        times.sort_unstable();
        Self {
            name,
            goal,
            count: times.len(),
            p50_ms: percentile(&times, 50),
            p99_ms: percentile(&times, 99),
            ratio_to_quiet: None,
        }
    }

    /// Adds the ratio to the same action on an idle system.
    pub(crate) fn against(self, quiet: &Self) -> Self {
        Self {
            ratio_to_quiet: Some(self.p99_ms / quiet.p99_ms),
            ..self
        }
    }

    /// Returns the median of each figure over several runs.
    pub(crate) fn medians(runs: &[Vec<Self>]) -> Vec<Self> {
        let rows = runs.iter().map(Vec::len).min().unwrap_or_default();
        let row = |number: usize| {
            let several = || runs.iter().map(move |run| &run[number]);
            let ratios = several().filter_map(|one| one.ratio_to_quiet);
            // Rows without a ratio have none in any run; their median is NaN.
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

//! A single measured value.

use serde::Serialize;

use crate::figures::median;

/// A measured value with its unit and goal.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Measurement {
    /// Name of the value.
    #[serde(rename = "what")]
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    /// Goal as text; empty if there is none.
    pub(crate) goal: &'static str,
}

impl Measurement {
    /// Returns a value with its unit and goal.
    pub(crate) fn new(name: &str, value: f64, unit: &'static str, goal: &'static str) -> Self {
        Self {
            name: name.to_owned(),
            value,
            unit,
            goal,
        }
    }

    /// Returns the median of each value over several runs.
    pub(crate) fn medians(runs: &[Vec<Self>]) -> Vec<Self> {
        let rows = runs.iter().map(Vec::len).min().unwrap_or_default();
        let row = |number: usize| Self {
            value: median(runs.iter().map(|run| run[number].value)),
            ..runs[0][number].clone()
        };
        (0..rows).map(row).collect()
    }
}

//! Figures: what a load came to, and the median of several.

use serde::Serialize;

use crate::load::Load;

/// The figures of one workload.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figures {
    /// What was done.
    pub(crate) workload: &'static str,
    /// What it should reach, in words.
    pub(crate) goal: &'static str,
    pub(crate) connections: f64,
    /// How often it was done.
    pub(crate) count: f64,
    pub(crate) per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    /// Against `/health/live` on as many connections, in the same run.
    pub(crate) ratio_to_live: f64,
    /// Processor seconds per second.
    pub(crate) server_cores: f64,
    pub(crate) generator_cores: f64,
    pub(crate) others_cores: f64,
    /// Processor time of the server for one, in microseconds.
    pub(crate) server_us: f64,
    /// Resident memory of the server at the end, and the most it was.
    pub(crate) resident_mib: f64,
    pub(crate) peak_mib: f64,
}

/// What every run found.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Run {
    /// Resident memory of the server before its first request of a person.
    pub(crate) idle_mib: f64,
    /// In the order in which they were measured.
    pub(crate) workloads: Vec<Figures>,
}

/// What a row is called, and what it should reach.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Title {
    pub(crate) workload: &'static str,
    pub(crate) goal: &'static str,
}

impl Figures {
    /// The figures of a load by its turns, or by single requests. The baseline's own ratio is 1.
    pub(crate) fn new(title: Title, load: &Load, times: &[u32], baseline: Option<&Self>) -> Self {
        let count = float(times.len());
        let per_second = count / load.length.as_secs_f64();
        let mut times = times.to_vec();
        times.sort_unstable();
        let usage = load.usage;
        Self {
            workload: title.workload,
            goal: title.goal,
            connections: float(load.connections),
            count,
            per_second,
            p50_ms: percentile(&times, 50),
            p99_ms: percentile(&times, 99),
            ratio_to_live: per_second / baseline.map_or(per_second, |live| live.per_second),
            server_cores: usage.server_cores,
            generator_cores: usage.generator_cores,
            others_cores: usage.others_cores,
            server_us: usage.server_cores / per_second * 1e6,
            resident_mib: usage.resident_mib,
            peak_mib: usage.peak_mib,
        }
    }

    /// The median of each figure by itself.
    fn median(several: &[&Self]) -> Option<Self> {
        let first = *several.first()?;
        let of = |figure: fn(&Self) -> f64| median(several.iter().map(|&one| figure(one)));
        Some(Self {
            workload: first.workload,
            goal: first.goal,
            connections: first.connections,
            count: of(|one| one.count),
            per_second: of(|one| one.per_second),
            p50_ms: of(|one| one.p50_ms),
            p99_ms: of(|one| one.p99_ms),
            ratio_to_live: of(|one| one.ratio_to_live),
            server_cores: of(|one| one.server_cores),
            generator_cores: of(|one| one.generator_cores),
            others_cores: of(|one| one.others_cores),
            server_us: of(|one| one.server_us),
            resident_mib: of(|one| one.resident_mib),
            peak_mib: of(|one| one.peak_mib),
        })
    }
}

impl Run {
    /// The median of each figure by itself.
    pub(crate) fn median(runs: &[Self]) -> Self {
        let rows = runs.iter().map(|run| run.workloads.len()).min();
        let row = |number: usize| {
            let several: Vec<_> = runs.iter().map(|run| &run.workloads[number]).collect();
            Figures::median(&several)
        };
        Self {
            idle_mib: median(runs.iter().map(|run| run.idle_mib)),
            workloads: (0..rows.unwrap_or_default()).filter_map(row).collect(),
        }
    }
}

/// The value in the middle, or between the two in the middle.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    let upper = values.len() / 2;
    match values.as_slice() {
        [] => f64::NAN,
        odd if odd.len() % 2 == 1 => odd[upper],
        even => f64::midpoint(even[upper - 1], even[upper]),
    }
}

/// The smallest of the sorted microseconds that is not below `percent` of them, as milliseconds.
pub(crate) fn percentile(sorted: &[u32], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted
        .get(rank.saturating_sub(1))
        .map_or(f64::NAN, |&micros| f64::from(micros) / 1e3)
}

#[expect(clippy::cast_precision_loss, reason = "nothing is counted that often")]
fn float(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let hundred: Vec<u32> = (1..=100).map(|number| number * 1_000).collect();
        for (percent, expected) in [(50, 50.0), (99, 99.0), (100, 100.0)] {
            let found = percentile(&hundred, percent);
            assert!((found - expected).abs() < 1e-9, "{percent}: {found}");
        }
        assert!((percentile(&[7_000], 99) - 7.0).abs() < 1e-9);
        assert!(percentile(&[], 50).is_nan());
    }

    #[test]
    fn the_median_stands_in_the_middle() {
        for (values, expected) in [
            (vec![3.0, 1.0, 2.0], 2.0),
            (vec![4.0, 1.0], 2.5),
            (vec![5.0], 5.0),
        ] {
            let found = median(values.into_iter());
            assert!((found - expected).abs() < 1e-9, "{found}");
        }
    }
}

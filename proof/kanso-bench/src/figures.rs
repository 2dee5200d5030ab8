//! WorkloadFigures of a workload, and the medians of several runs.

use serde::Serialize;

use crate::load::LoadResult;

/// WorkloadFigures of one workload.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct WorkloadFigures {
    /// Name of the workload.
    pub(crate) workload: &'static str,
    /// Goal as text.
    pub(crate) goal: &'static str,
    pub(crate) connections: f64,
    /// Number of turns or requests.
    pub(crate) count: f64,
    pub(crate) per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    /// Rate divided by that of `/health/live` on as many connections in the same run. Both depend on
    /// the machine in the same way, so the ratio can be compared between machines.
    pub(crate) ratio_to_live: f64,
    /// Processor seconds per second.
    pub(crate) server_cores: f64,
    pub(crate) generator_cores: f64,
    pub(crate) others_cores: f64,
    /// Processor time of the server for one turn or request, in microseconds.
    pub(crate) server_us: f64,
    /// Resident memory of the server at the end, and its maximum.
    pub(crate) resident_mib: f64,
    pub(crate) peak_mib: f64,
}

/// Figures of one run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct RunFigures {
    /// Resident memory of the server before the first account is registered.
    pub(crate) idle_mib: f64,
    /// Workloads in the order in which they were measured.
    pub(crate) workloads: Vec<WorkloadFigures>,
}

/// Name and goal of a workload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WorkloadLabel {
    pub(crate) workload: &'static str,
    pub(crate) goal: &'static str,
}

impl WorkloadFigures {
    /// Computes the figures from the durations of turns or of single requests. The ratio of the
    /// baseline itself is 1.
    pub(crate) fn new(
        label: WorkloadLabel,
        load: &LoadResult,
        times: &[u32],
        baseline: Option<&Self>,
    ) -> Self {
        let count = float(times.len());
        let per_second = count / load.length.as_secs_f64();
        // Sorted once for both percentiles.
        let mut times = times.to_vec();
        times.sort_unstable();
        let usage = load.usage;
        Self {
            workload: label.workload,
            goal: label.goal,
            connections: float(load.connections),
            count,
            per_second,
            p50_ms: percentile(&times, 50),
            p99_ms: percentile(&times, 99),
            ratio_to_live: per_second / baseline.map_or(per_second, |live| live.per_second),
            server_cores: usage.server_cores,
            generator_cores: usage.generator_cores,
            others_cores: usage.others_cores,
            // Independent of the number of idle cores, unlike the rate. It shows a regression even where the
            // disk limits the rate.
            server_us: usage.server_cores / per_second * 1e6,
            resident_mib: usage.resident_mib,
            peak_mib: usage.peak_mib,
        }
    }

    /// Returns the median of each figure. A column may come from different runs, so a single slow
    /// phase of the machine does not spoil a whole row.
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

impl RunFigures {
    /// Returns the medians of all workloads.
    pub(crate) fn median(runs: &[Self]) -> Self {
        // Every run has the same rows; the minimum only avoids a panic if one does not.
        let rows = runs.iter().map(|run| run.workloads.len()).min();
        let row = |number: usize| {
            let several: Vec<_> = runs.iter().map(|run| &run.workloads[number]).collect();
            WorkloadFigures::median(&several)
        };
        Self {
            idle_mib: median(runs.iter().map(|run| run.idle_mib)),
            workloads: (0..rows.unwrap_or_default()).filter_map(row).collect(),
        }
    }
}

/// Returns the value in the middle, or the mean of the two in the middle.
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

/// Returns a percentile of sorted microseconds in milliseconds, by the nearest-rank method: the result
/// is always one of the values.
pub(crate) fn percentile(sorted: &[u32], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted
        .get(rank.saturating_sub(1))
        .map_or(f64::NAN, |&micros| f64::from(micros) / 1e3)
}

#[expect(clippy::cast_precision_loss, reason = "no count reaches 2^52")]
fn float(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentile_is_one_of_the_values() {
        let hundred: Vec<u32> = (1..=100).map(|number| number * 1_000).collect();
        for (percent, expected) in [(50, 50.0), (99, 99.0), (100, 100.0)] {
            let found = percentile(&hundred, percent);
            assert!((found - expected).abs() < 1e-9, "{percent}: {found}");
        }
        assert!((percentile(&[7_000], 99) - 7.0).abs() < 1e-9);
        assert!(percentile(&[], 50).is_nan());
    }

    #[test]
    fn median_of_an_even_count_is_the_mean_of_the_middle() {
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

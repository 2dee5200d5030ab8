//! Report of all figures, as Markdown tables and as JSON.

use std::fmt::Write as _;

use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, ContentArrangement, Table};
use serde::Serialize;

use crate::arguments::Arguments;
use crate::figures::{RunFigures, WorkloadFigures};
use crate::measurement::Measurement;
use crate::timing::Timing;

/// Report of all runs.
#[derive(Debug, Serialize)]
pub(crate) struct BenchReport {
    /// Number of processor cores, which server and load generator share.
    cores: usize,
    /// Time to append 4 KiB to a file and sync it.
    disk_sync_ms: f64,
    /// Time for which each workload was measured.
    seconds: u64,
    /// Median of each figure of the server.
    medians: RunFigures,
    runs: Vec<RunFigures>,
    /// Median of each figure of live sync.
    live_medians: Vec<Measurement>,
    live: Vec<Vec<Measurement>>,
    /// Median of each figure of a server on PostgreSQL.
    postgres_medians: Vec<Measurement>,
    postgres: Vec<Vec<Measurement>>,
    /// Median of each figure that was measured inside this program.
    inside_medians: Vec<Timing>,
    inside: Vec<Vec<Timing>>,
}

impl BenchReport {
    /// Builds the report of these runs.
    pub(crate) fn new(
        arguments: &Arguments,
        disk_sync_ms: f64,
        runs: Vec<RunFigures>,
        (live, postgres, inside): (
            Vec<Vec<Measurement>>,
            Vec<Vec<Measurement>>,
            Vec<Vec<Timing>>,
        ),
    ) -> anyhow::Result<Self> {
        Ok(Self {
            cores: std::thread::available_parallelism()?.get(),
            disk_sync_ms,
            seconds: arguments.seconds,
            medians: RunFigures::median(&runs),
            runs,
            live_medians: Measurement::medians(&live),
            live,
            postgres_medians: Measurement::medians(&postgres),
            postgres,
            inside_medians: Timing::medians(&inside),
            inside,
        })
    }

    /// Returns the medians as Markdown tables.
    pub(crate) fn table(&self) -> String {
        let mut text = String::new();
        // A part that was not measured has no table.
        // Writing to a string cannot fail.
        if !self.runs.is_empty() {
            write!(text, "{}\n\n{}\n\n", self.server_table(), self.memory()).ok();
        }
        if !self.live.is_empty() {
            write!(
                text,
                "{}\n\n",
                measurement_table("live sync", &self.live_medians)
            )
            .ok();
        }
        if !self.postgres.is_empty() {
            let table = measurement_table("postgresql", &self.postgres_medians);
            write!(text, "{table}\n\n").ok();
        }
        if !self.inside.is_empty() {
            write!(text, "{}\n\n", self.inside_table()).ok();
        }
        text + &self.circumstances()
    }

    fn inside_table(&self) -> Table {
        let mut table = table([
            "inside this program",
            "times",
            "p50 ms",
            "p99 ms",
            "p99 × quiet",
            "goal",
        ]);
        for timing in &self.inside_medians {
            let ratio = timing.ratio_to_quiet;
            table.add_row([
                timing.name.to_owned(),
                timing.count.to_string(),
                format!("{:.2}", timing.p50_ms),
                format!("{:.2}", timing.p99_ms),
                ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}")),
                timing.goal.to_owned(),
            ]);
        }
        align(&mut table);
        table
    }

    fn server_table(&self) -> Table {
        let mut table = table([
            "workload",
            "connections",
            "requests",
            "requests/s",
            "p50 ms",
            "p99 ms",
            "× live",
            "server CPU",
            "generator CPU",
            "others CPU",
            "server µs each",
            "server peak MiB",
            "goal",
        ]);
        for figures in &self.medians.workloads {
            table.add_row(cells(figures));
        }
        align(&mut table);
        table
    }

    fn memory(&self) -> String {
        let idle = self.medians.idle_mib;
        let loaded = self
            .medians
            .workloads
            .iter()
            // Memory under pushes, because every connection then has a body and a write in flight.
            .find(|figures| figures.workload.starts_with("push"));
        let (resident, peak) = loaded.map_or((f64::NAN, f64::NAN), |figures| {
            (figures.resident_mib, figures.peak_mib)
        });
        format!(
            "Resident memory of the server: idle {idle:.1} MiB (goal ≤ 64); \
             under pushes {resident:.1} MiB, at most {peak:.1} MiB (goal ≤ 256)."
        )
    }

    fn circumstances(&self) -> String {
        format!(
            "Medians of {} runs, {} s a workload, {} cores for server and load generator; \
             CPU is in % of one core. Appending 4 KiB to a file and syncing it takes {:.2} ms here.",
            self.runs
                .len()
                .max(self.inside.len())
                .max(self.live.len())
                .max(self.postgres.len()),
            self.seconds,
            self.cores,
            self.disk_sync_ms
        )
    }
}

fn measurement_table(title: &str, medians: &[Measurement]) -> Table {
    let mut table = table([title, "value", "goal"]);
    for one in medians {
        let value = format!("{:.2} {}", one.value, one.unit);
        table.add_row([one.name.clone(), value, one.goal.to_owned()]);
    }
    align(&mut table);
    table
}

fn table<const COLUMNS: usize>(header: [&str; COLUMNS]) -> Table {
    let mut table = Table::new();
    table
        .load_style(ASCII_MARKDOWN)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(header);
    table
}

/// Aligns the columns of numbers, which are all but the first and the last.
fn align(table: &mut Table) {
    let numbers = table.column_count() - 2;
    for column in table.column_iter_mut().skip(1).take(numbers) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}

fn cells(figures: &WorkloadFigures) -> [String; 13] {
    [
        figures.workload.to_owned(),
        format!("{:.0}", figures.connections),
        thousands(figures.count),
        thousands(figures.per_second),
        format!("{:.2}", figures.p50_ms),
        format!("{:.2}", figures.p99_ms),
        format!("{:.3}", figures.ratio_to_live),
        format!("{:.0} %", figures.server_cores * 100.0),
        format!("{:.0} %", figures.generator_cores * 100.0),
        format!("{:.0} %", figures.others_cores * 100.0),
        thousands(figures.server_us),
        format!("{:.1}", figures.peak_mib),
        figures.goal.to_owned(),
    ]
}

/// Formats a number with a comma at every thousand. Numbers below 100 keep one decimal.
fn thousands(number: f64) -> String {
    if number < 100.0 {
        return format!("{number:.1}");
    }
    let digits = format!("{number:.0}");
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        for (number, expected) in [
            (0.0, "0.0"),
            (42.42, "42.4"),
            (999.0, "999"),
            (1_000.0, "1,000"),
            (1_234_567.8, "1,234,568"),
        ] {
            assert_eq!(thousands(number), expected);
        }
    }
}
